using Connectors.Vllm.OutputParsing.Machines;

namespace Connectors.Vllm.OutputParsing;

/// <summary>
/// Turns one model output into ordered events: reasoning, text, tool calls. Forward only and incremental: any split of the output into pieces gives
/// the same concatenated events, and a whole output is one push and <see cref="Finish"/>. Never throws for what a model writes, and never loses text:
/// what turns out to be no call comes out as text. A call comes out when it is closed or its JSON is complete, never before, so that a truncated call
/// cannot be run. One instance per output sequence; not thread-safe.
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
    /// True when nothing more can come out: a stop string matched, or the only allowed call is complete. The caller can abort the request.
    /// </summary>
    public bool IsFinished => _writer.IsClosed;

    /// <summary>The stop string that ended the output; null when none did.</summary>
    public string? MatchedStopString => _writer.MatchedStop;

    /// <summary>Number of good calls handed out so far (suppressed and malformed ones do not count).</summary>
    public int CallCount => _writer.CallCount;

    /// <summary>How many calls came out as text, because the request allows none (<see cref="OutputToolChoice.None"/>).</summary>
    public int CallsAsText => _writer.CallsAsText;

    /// <summary>True while the output is inside reasoning (for counting reasoning tokens).</summary>
    public bool IsReasoning => _machine.IsReasoning;

    /// <summary>Makes a parser.</summary>
    /// <param name="format">The model's format, see <see cref="OutputFormat"/>.</param>
    /// <param name="options">What the request was.</param>
    /// <exception cref="OutputFormatException">The options contradict each other.</exception>
    public static OutputParser Create(OutputFormat format, OutputParserOptions options)
    {
        ArgumentNullException.ThrowIfNull(format);
        ArgumentNullException.ThrowIfNull(options);
        if (options.CallShape == CallShape.NamedArguments && options.ToolChoice.Kind != OutputToolChoiceKind.Named)
        {
            throw new OutputFormatException("CallShape.NamedArguments needs a ToolChoice that names the tool: use OutputToolChoice.Named(name).");
        }

        var writer = new EventWriter(format.Tools.CallIds, options);
        return new OutputParser(format.CreateMachine(options, writer), writer);
    }

    /// <summary>Takes one decoded piece of the output, special tokens kept.</summary>
    /// <param name="text">The piece; may be empty, may hold any number of characters.</param>
    /// <param name="tokenId">
    /// The token the piece ends with; -1 when unknown. With ids, a marker that is one token of the vocabulary counts only where that token came, so
    /// that text about a marker stays text.
    /// </param>
    /// <param name="sink">Receives the events; not cleared.</param>
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

    /// <summary>Takes a piece of the output whose token ids are unknown.</summary>
    /// <param name="text">The piece.</param>
    /// <param name="sink">Receives the events; not cleared.</param>
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

    /// <summary>Ends the output: what was held back comes out, as calls when they are complete and else as text.</summary>
    /// <param name="serverFinishReason">
    /// The server's finish reason, such as <c>stop</c> or <c>length</c>; null when unknown. After <c>length</c>, <c>abort</c> or <c>error</c>
    /// an empty output is no call without arguments, even where one tool was named.
    /// </param>
    /// <param name="sink">Receives the events; not cleared.</param>
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
        ? throw new InvalidOperationException("The output was finished: make a new parser for the next output.")
        : !_writer.IsClosed;

    /// <summary>Parses a whole output: one push and <see cref="Finish"/>.</summary>
    /// <param name="text">The output, special tokens kept.</param>
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
