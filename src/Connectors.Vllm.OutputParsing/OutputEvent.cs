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
