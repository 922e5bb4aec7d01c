using Connectors.Vllm.OutputParsing.Machines;

namespace Connectors.Vllm.OutputParsing;

/// <summary>
/// Parses a model's output into ordered events: reasoning, text, tool calls. Forward-only and incremental: any division of the output into pieces
/// results in the same concatenated events, and a whole output is one <see cref="Push(ReadOnlySpan{char}, List{OutputEvent})"/> and
/// <see cref="Finish"/>. Never throws because of what a model writes, and never loses text: what turns out not to be a call is returned as text. A
/// call is returned when it is closed or its JSON is complete, never before, so that a truncated call cannot be invoked. Use one instance per output
/// sequence; not thread-safe.
/// </summary>
public sealed class OutputParser
{
    private readonly OutputMachine _machine;
    private readonly EventWriter _writer;
    private bool _finished;

    private OutputParser(OutputMachine machine, EventWriter writer)
    {
        _machine = machine;
        _writer = writer;
    }

    /// <summary>
    /// Whether no further events can follow, because a stop string matched or the only allowed call is complete. The caller can then abort the
    /// request.
    /// </summary>
    public bool IsFinished => _writer.IsClosed;

    /// <summary>The stop string that ended the output; <see langword="null"/> if none did.</summary>
    public string? MatchedStopString => _writer.MatchedStop;

    /// <summary>The number of valid calls returned so far, not counting suppressed and malformed ones.</summary>
    public int CallCount => _writer.CallCount;

    /// <summary>The number of calls returned as text because the request allows none (<see cref="OutputToolChoice.None"/>).</summary>
    public int CallsAsText => _writer.CallsAsText;

    /// <summary>Whether the output is currently inside reasoning, for counting reasoning tokens.</summary>
    public bool IsReasoning => _machine.IsReasoning;

    /// <summary>Creates a parser.</summary>
    /// <param name="format">The format of the model.</param>
    /// <param name="options">The options, which describe the request.</param>
    /// <exception cref="OutputFormatException">The options contradict each other.</exception>
    public static OutputParser Create(OutputFormat format, OutputParserOptions options)
    {
        ArgumentNullException.ThrowIfNull(format);
        ArgumentNullException.ThrowIfNull(options);
        if (options.CallShape == CallShape.NamedArguments && options.ToolChoice.Kind != OutputToolChoiceKind.Named)
        {
            throw new OutputFormatException("CallShape.NamedArguments requires a ToolChoice that names the tool: use OutputToolChoice.Named(name).");
        }

        var writer = new EventWriter(format.Tools.CallIds, options);
        return new OutputParser(format.CreateMachine(options, writer), writer);
    }

    /// <summary>Adds a decoded piece of the output, including special tokens.</summary>
    /// <param name="text">The piece, with any number of characters; may be empty.</param>
    /// <param name="tokenId">The token with which the piece ends; −1 if unknown. With token ids, a marker that is a single token of the
    /// vocabulary is only recognized if it was that token, so that text about a marker stays text.</param>
    /// <param name="sink">The list to which the events are added; not cleared.</param>
    public void Push(string text, int tokenId, List<OutputEvent> sink)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(sink);
        if (!CanPush())
        {
            return;
        }

        _writer.Sink = sink;
        _machine.Push(text, text, tokenId);
    }

    /// <summary>Adds a piece of the output whose token ids are unknown.</summary>
    /// <param name="text">The piece.</param>
    /// <param name="sink">The list to which the events are added; not cleared.</param>
    public void Push(ReadOnlySpan<char> text, List<OutputEvent> sink)
    {
        ArgumentNullException.ThrowIfNull(sink);
        if (!CanPush())
        {
            return;
        }

        _writer.Sink = sink;
        _machine.Push(text, null, -1);
    }

    /// <summary>Ends the output and returns what was held back: as calls if they are complete, and otherwise as text.</summary>
    /// <param name="serverFinishReason">The server's finish reason, such as <c>stop</c> or <c>length</c>; <see langword="null"/> if unknown.
    /// After <c>length</c>, <c>abort</c> or <c>error</c>, an empty output is not a call without arguments, even if a tool was required by
    /// name.</param>
    /// <param name="sink">The list to which the events are added; not cleared.</param>
    public void Finish(string? serverFinishReason, List<OutputEvent> sink)
    {
        ArgumentNullException.ThrowIfNull(sink);
        if (_finished)
        {
            return;
        }

        _finished = true;
        _writer.Sink = sink;
        if (!_writer.IsClosed)
        {
            _machine.Finish(serverFinishReason is "length" or "abort" or "error");
        }

        _writer.Finish();
    }

    private bool CanPush() => _finished
        ? throw new InvalidOperationException("The output is finished: create a new parser for the next output.")
        : !_writer.IsClosed;

    /// <summary>Parses a whole output.</summary>
    /// <param name="text">The output, including special tokens.</param>
    /// <param name="serverFinishReason">The server's finish reason.</param>
    /// <returns>The events.</returns>
    public List<OutputEvent> Parse(string text, string? serverFinishReason = "stop")
    {
        var events = new List<OutputEvent>();
        Push(text, -1, events);
        Finish(serverFinishReason, events);
        return events;
    }
}
