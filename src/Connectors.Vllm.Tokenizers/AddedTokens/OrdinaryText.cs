namespace Connectors.Vllm.Tokenizers.AddedTokens;

/// <summary>
/// The parts of a text in which control tokens are not recognised, as sorted byte ranges, and which tokens those are. Reused between
/// calls, not thread-safe.
/// </summary>
internal sealed class OrdinaryText
{
    private readonly List<(int Start, int End)> _ranges = [];
    private readonly HashSet<int> _never = [];
    private AddedTokenSet? _tokens;

    public List<(int Start, int End)> Ranges => _ranges;

    public void Reset(AddedTokenSet tokens, ReadOnlySpan<int> never)
    {
        _tokens = tokens;
        _ranges.Clear();
        _never.Clear();
        foreach (var id in never)
        {
            _never.Add(id);
        }
    }

    /// <summary>The same tokens, with the ranges moved into another text.</summary>
    public void ResetFrom(OrdinaryText other)
    {
        _tokens = other._tokens;
        _ranges.Clear();
        _never.Clear();
        _never.UnionWith(other._never);
    }

    /// <summary>True when the token may not be recognised at bytes start to end: it touches an ordinary part.</summary>
    /// <param name="token">Index of the token in the set.</param>
    /// <param name="start">First byte of the match.</param>
    /// <param name="end">Byte behind the match.</param>
    public bool Blocks(int token, int start, int end) =>
        Overlaps(start, end) && (_tokens!.List[token].IsSpecial || _never.Contains(_tokens.List[token].Id));

    /// <summary>True when bytes start to end touch an ordinary part.</summary>
    public bool Overlaps(int start, int end) => IndexOfEndBehind(start) is var index && index < _ranges.Count && _ranges[index].Start < end;

    /// <summary>Index of the first range that ends behind a place; the number of ranges when none does.</summary>
    public int IndexOfEndBehind(int place)
    {
        int low = 0, high = _ranges.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_ranges[middle].End > place)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return low;
    }
}
