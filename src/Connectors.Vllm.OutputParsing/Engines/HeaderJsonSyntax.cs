namespace Connectors.Vllm.OutputParsing;

/// <summary>How calls stand as a header (name, perhaps an id), a separator, and JSON arguments.</summary>
internal sealed record HeaderJsonSyntax
{
    /// <summary>Markers before a header.</summary>
    public required IReadOnlyList<string> CallOpens { get; init; }

    /// <summary>Markers behind a header.</summary>
    public required IReadOnlyList<string> HeaderEnds { get; init; }

    /// <summary>Texts behind the arguments that belong to the call.</summary>
    public IReadOnlyList<string> Closers { get; init; } = [];

    /// <summary>Markers behind the last call.</summary>
    public IReadOnlyList<string> SectionClosers { get; init; } = [];

    /// <summary>True: a header without its end marker ends where the arguments begin.</summary>
    public bool BraceEndsHeader { get; init; }

    /// <summary>Name and id of a header; an empty name when it is none.</summary>
    public Func<string, (string Name, string? Id)> Header { get; init; } = static header => (header, null);

    /// <summary>A header that is only the call's type: the name follows in a line of its own (DeepSeek V3).</summary>
    public string TypeHeader { get; init; } = "";
}
