namespace Connectors.Vllm.Tokenizers.AddedTokens;

/// <summary>
/// The parts of a text in which control tokens are not recognised, as sorted byte ranges, and which tokens are allowed there all the same.
/// Reused between calls, not thread-safe.
/// </summary>
internal sealed class OrdinaryText
{
    private readonly List<(int Start, int End)> _ranges = [];
    private readonly HashSet<int> _allowed = [];
    private AddedTokenSet? _tokens;

    public List<(int Start, int End)> Ranges => _ranges;

    public void Reset(AddedTokenSet tokens, ReadOnlySpan<int> allowed)
    {
        _tokens = tokens;
        _ranges.Clear();
        _allowed.Clear();
        foreach (var id in allowed)
        {
            _allowed.Add(id);
        }
    }

    /// <summary>The same tokens, with the ranges moved into another text.</summary>
    public void ResetFrom(OrdinaryText other)
    {
        _tokens = other._tokens;
        _ranges.Clear();
        _allowed.Clear();
        _allowed.UnionWith(other._allowed);
    }

    /// <summary>True when the token may not be recognised at bytes start to end: it touches an ordinary part.</summary>
    /// <param name="token">Index of the token in the set.</param>
    /// <param name="start">First byte of the match.</param>
    /// <param name="end">Byte behind the match.</param>
    public bool Blocks(int token, int start, int end) =>
        _tokens!.List[token].Id is var id && _tokens.IsControl(id) && !_allowed.Contains(id) && Overlaps(start, end);

    /// <summary>True when the token may come out of ordinary text although it is a control token.</summary>
    public bool Allows(int id) => _allowed.Contains(id);

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
