namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>
/// How many places of a schema are spelled out in elements; what lies beyond is left to any value. Definitions that refer to each other, or to
/// themselves, would otherwise grow without bound, and a tag nested too deeply is no JSON that a server reads.
/// </summary>
internal sealed class PlaceBudget
{
    private const int Places = 500;
    private const int Depth = 2;
    private int _left = Places;

    /// <summary>Takes one place; false when there is none left.</summary>
    /// <param name="depth">How many objects and arrays are around it.</param>
    public bool Take(int depth) => depth <= Depth && _left-- > 0;
}
