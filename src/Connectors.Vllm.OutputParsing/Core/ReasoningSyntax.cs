namespace Connectors.Vllm.OutputParsing;

/// <summary>How a family of models writes its thoughts; one row of the format table.</summary>
internal sealed record ReasoningSyntax
{
    /// <summary>No thoughts: everything is the answer.</summary>
    public static readonly ReasoningSyntax None = new() { Id = "none" };

    /// <summary>The format's name, one of the names vLLM uses for it.</summary>
    public required string Id { get; init; }

    /// <summary>Other names the format is known by.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>Markers that begin a thought.</summary>
    public IReadOnlyList<string> Opens { get; init; } = [];

    /// <summary>Markers that end a thought.</summary>
    public IReadOnlyList<string> Closes { get; init; } = [];

    /// <summary>Markers without content.</summary>
    public IReadOnlyList<string> Drops { get; init; } = [];

    /// <summary>
    /// True when the opening marker is ordinary text that may occur in prose: unless it arrives as a token, it counts only where a text begins.
    /// </summary>
    public bool OpensOnlyAtStart { get; init; } = true;

    /// <summary>Newlines after the opening marker that belong to it.</summary>
    public int NewlinesAfterOpen { get; init; } = 1;

    /// <summary>Newlines before the closing marker that belong to it.</summary>
    public int NewlinesBeforeClose { get; init; } = 1;

    /// <summary>Newlines after the closing marker that belong to it.</summary>
    public int NewlinesAfterClose { get; init; } = 2;

    /// <summary>What models of the family write between a thought and the answer; part of constraints that hold the thought.</summary>
    public string TextAfterClose { get; init; } = "";

    /// <summary>True when a complete call of a declared tool inside a thought ends the thought; false when it stays part of it.</summary>
    public bool EndedByCall { get; init; } = true;

    /// <summary>The same syntax with other markers, where template arguments change them.</summary>
    public Func<ReasoningSyntax, OutputParserOptions, ReasoningSyntax>? Adapt { get; init; }

    /// <summary>All names of the format.</summary>
    public IEnumerable<string> Names => Aliases.Prepend(Id);
}
