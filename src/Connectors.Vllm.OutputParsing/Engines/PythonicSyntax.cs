namespace Connectors.Vllm.OutputParsing;

/// <summary>How calls stand as Python.</summary>
internal sealed record PythonicSyntax
{
    /// <summary>Markers behind the calls; they may be missing where the calls are a list.</summary>
    public IReadOnlyList<string> Closers { get; init; } = [];

    /// <summary>True when the opener is the bracket of the list itself.</summary>
    public bool OpenerIsList { get; init; }

    /// <summary>True: calls stand in lines of their own up to the closer, without a list.</summary>
    public bool Lines { get; init; }
}
