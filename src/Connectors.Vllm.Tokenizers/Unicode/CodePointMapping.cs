namespace Connectors.Vllm.Tokenizers;

/// <summary>Code points that turn into one or more others (lower case, decompositions). Immutable.</summary>
internal sealed class CodePointMapping
{
    private const int PageSize = 128;

    private readonly ushort[] _pageOf = new ushort[CodePoints.Count / PageSize];
    private readonly ushort[] _entries;
    private readonly int[] _starts;
    private readonly int[] _targets;

    private CodePointMapping(SortedDictionary<int, int[]> table)
    {
        var entries = new List<ushort>(new ushort[PageSize]);
        var targets = new List<int>();
        _starts = new int[table.Count + 2];
        var entry = 0;
        foreach (var (codePoint, mapped) in table)
        {
            var page = codePoint / PageSize;
            if (_pageOf[page] == 0)
            {
                _pageOf[page] = (ushort)(entries.Count / PageSize);
                entries.AddRange(new ushort[PageSize]);
            }

            entries[(_pageOf[page] * PageSize) + (codePoint % PageSize)] = (ushort)++entry;
            _starts[entry] = targets.Count;
            targets.AddRange(mapped);
        }

        _starts[entry + 1] = targets.Count;
        _entries = [.. entries];
        _targets = [.. targets];
    }

    /// <summary>Reads a table of mappings: distance to the key before, count, targets relative to the key.</summary>
    public static SortedDictionary<int, int[]> Read(ReadOnlySpan<byte> base64)
    {
        var table = new SortedDictionary<int, int[]>();
        var reader = new VarintReader(VarintReader.Decode(base64));
        for (var codePoint = 0; !reader.AtEnd;)
        {
            codePoint += reader.Next();
            var targets = new int[reader.Next()];
            for (var i = 0; i < targets.Length; i++)
            {
                targets[i] = codePoint + reader.NextSigned();
            }

            table.Add(codePoint, targets);
        }

        return table;
    }

    public static CodePointMapping From(SortedDictionary<int, int[]> table) => new(table);

    /// <summary>What <paramref name="codePoint"/> turns into; empty when it stays as it is.</summary>
    public ReadOnlySpan<int> this[int codePoint]
    {
        get
        {
            var page = (uint)codePoint / PageSize;
            var entry = page < (uint)_pageOf.Length ? _entries[(_pageOf[page] * PageSize) + (codePoint % PageSize)] : 0;
            return entry == 0 ? default : _targets.AsSpan(_starts[entry], _starts[entry + 1] - _starts[entry]);
        }
    }
}
