
namespace Connectors.Vllm.OutputParsing;

/// <summary>One event of an <see cref="OutputParser"/>, in the order of the model's output.</summary>
public readonly struct OutputEvent
{
    private OutputEvent(OutputEventKind kind, string text, int callIndex = -1, string? callId = null, string? name = null, string? error = null)
    {
        Kind = kind;
        Text = text;
        CallIndex = callIndex;
        CallId = callId;
        Name = name;
        Error = error;
    }

    /// <summary>What happened.</summary>
    public OutputEventKind Kind { get; }

    /// <summary>The piece of reasoning, text, arguments or markup; the call's raw markup at its end; empty at its start.</summary>
    public string Text { get; }

    /// <summary>Index of the call within this output, from 0; -1 for events that belong to no call.</summary>
    public int CallIndex { get; }

    /// <summary>The call's id, on all three events of a call.</summary>
    public string? CallId { get; }

    /// <summary>The called tool's name, on all three events of a call; never a part of a name.</summary>
    public string? Name { get; }

    /// <summary>At a call's end: why it must not be run; null for a good call.</summary>
    public string? Error { get; }

    /// <inheritdoc/>
    public override string ToString() => Name is null ? $"{Kind} {Text}" : $"{Kind} {Name} {Text}";

    internal static OutputEvent Piece(OutputEventKind kind, string text) => new(kind, text);

    internal static OutputEvent Call(OutputEventKind kind, int index, string id, string name, string text, string? error = null) =>
        new(kind, text, index, id, name, error);
}

/// <summary>What an <see cref="OutputEvent"/> tells.</summary>
public enum OutputEventKind
{
    /// <summary>A piece of the model's reasoning; <see cref="OutputEvent.Text"/> holds it.</summary>
    Reasoning,

    /// <summary>A piece of the visible answer; <see cref="OutputEvent.Text"/> holds it.</summary>
    Text,

    /// <summary>
    /// A tool call begins: <see cref="OutputEvent.CallIndex"/>, <see cref="OutputEvent.CallId"/> and <see cref="OutputEvent.Name"/> are set.
    /// </summary>
    ToolCallStart,

    /// <summary>
    /// A piece of the call's arguments as JSON text. The pieces of one call concatenate to one JSON object, unless the call's end carries an
    /// error.
    /// </summary>
    ToolCallArguments,

    /// <summary>
    /// A tool call ends. <see cref="OutputEvent.Text"/> is the model's own markup of the call, and <see cref="OutputEvent.Error"/> says what is
    /// wrong when <see cref="OutputParserOptions.ReturnMalformedCalls"/> handed out a call that cannot be run.
    /// </summary>
    ToolCallEnd,

    /// <summary>
    /// Characters that carry no content: markers, framing newlines, dropped special tokens, suppressed calls. Only with
    /// <see cref="OutputParserOptions.ReportMarkup"/>; then the texts of all events except <see cref="ToolCallArguments"/> concatenate to the raw
    /// output.
    /// </summary>
    Markup,
}
