
namespace Connectors.Vllm.OutputParsing;

/// <summary>An event of an <see cref="OutputParser"/>, in the order of the model's output.</summary>
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

    /// <summary>The kind of event.</summary>
    public OutputEventKind Kind { get; }

    /// <summary>The piece of reasoning, text, arguments or markup; at the end of a call its raw markup, and at the start empty.</summary>
    public string Text { get; }

    /// <summary>The zero-based index of the call within this output; −1 for events that do not belong to a call.</summary>
    public int CallIndex { get; }

    /// <summary>The call's id, on all three events of a call.</summary>
    public string? CallId { get; }

    /// <summary>The complete name of the called tool, on all three events of a call.</summary>
    public string? Name { get; }

    /// <summary>At the end of a call, why it must not be invoked; <see langword="null"/> for a valid call.</summary>
    public string? Error { get; }

    /// <inheritdoc/>
    public override string ToString() => Name is null ? $"{Kind} {Text}" : $"{Kind} {Name} {Text}";

    internal static OutputEvent Piece(OutputEventKind kind, string text) => new(kind, text);

    internal static OutputEvent Call(OutputEventKind kind, int index, string id, string name, string text, string? error = null) =>
        new(kind, text, index, id, name, error);
}

/// <summary>The kinds of <see cref="OutputEvent"/>.</summary>
public enum OutputEventKind
{
    /// <summary>A piece of the model's reasoning, in <see cref="OutputEvent.Text"/>.</summary>
    Reasoning,

    /// <summary>A piece of the visible answer, in <see cref="OutputEvent.Text"/>.</summary>
    Text,

    /// <summary>
    /// A tool call begins: <see cref="OutputEvent.CallIndex"/>, <see cref="OutputEvent.CallId"/> and <see cref="OutputEvent.Name"/> are set.
    /// </summary>
    ToolCallStart,

    /// <summary>
    /// A piece of the call's arguments as JSON text. The pieces of one call form one JSON object, unless the end of the call has an error.
    /// </summary>
    ToolCallArguments,

    /// <summary>
    /// A tool call ends. <see cref="OutputEvent.Text"/> is the model's own markup of the call, and <see cref="OutputEvent.Error"/> says what is wrong
    /// if <see cref="OutputParserOptions.ReturnMalformedCalls"/> returned a call that cannot be invoked.
    /// </summary>
    ToolCallEnd,

    /// <summary>
    /// Characters without content: markers, framing newlines, dropped special tokens, suppressed calls. Only with
    /// <see cref="OutputParserOptions.ReportMarkup"/>; the texts of all events except <see cref="ToolCallArguments"/> then concatenate to the raw
    /// output.
    /// </summary>
    Markup,
}
