namespace Connectors.Vllm.OutputParsing;

/// <summary>How JSON calls stand in a block.</summary>
internal sealed record JsonBodySyntax
{
    /// <summary>The keys of a call.</summary>
    public JsonCallKeys Keys { get; init; } = JsonCallKeys.Usual;

    /// <summary>Markers that end the block; none when the JSON ends it. A missing closer is tolerated.</summary>
    public IReadOnlyList<string> Closers { get; init; } = [];

    /// <summary>Texts that may stand between the opener and the JSON.</summary>
    public IReadOnlyList<string> Preambles { get; init; } = [];

    /// <summary>Characters that may stand between several objects of a block without an array.</summary>
    public string Separators { get; init; } = "";

    /// <summary>True when several objects may follow each other in one block, without an array.</summary>
    public bool Repeats { get; init; }

    /// <summary>True when the opener itself is the beginning of the JSON.</summary>
    public bool OpenerIsJson { get; init; }

    /// <summary>True when a block without a call in it is an answer in JSON: let it go as soon as its first key shows that.</summary>
    public bool MayBeAnswer { get; init; }
}
