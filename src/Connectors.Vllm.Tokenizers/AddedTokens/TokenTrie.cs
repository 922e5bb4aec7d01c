using System.Buffers;
using System.Runtime.CompilerServices;

namespace Connectors.Vllm.Tokenizers.AddedTokens;

/// <summary>
/// Finds added tokens in text: at each place the longest one, as the reference's automaton does. Places where none can begin are skipped
/// with a vectorised search for first bytes. Immutable.
/// </summary>
internal sealed class TokenTrie
{
    private readonly SearchValues<byte> _firstBytes;
    private readonly int[] _root = new int[256];
    private readonly Dictionary<int, int> _children = [];
    private readonly List<int> _tokens = [-1];

    /// <param name="tokens">Contents (UTF-8, not empty) with what a match reports. A content given twice reports the last.</param>
    public TokenTrie(IEnumerable<(byte[] Content, int Token)> tokens)
    {
        foreach (var (content, token) in tokens)
        {
            var node = 0;
            foreach (var value in content)
            {
                ref var child = ref ChildSlot(node, value);
                if (child == 0)
                {
                    child = _tokens.Count;
                    _tokens.Add(-1);
                }

                node = child;
            }

            _tokens[node] = token;
            IsEmpty = false;
        }

        _firstBytes = SearchValues.Create([.. Enumerable.Range(0, 256).Where(value => _root[value] != 0).Select(value => (byte)value)]);
    }

    public bool IsEmpty { get; } = true;

    /// <summary>The next place from <paramref name="from"/> on where a token can begin, or -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int IndexOfCandidate(ReadOnlySpan<byte> text, int from)
    {
        var index = text[from..].IndexOfAny(_firstBytes);
        return index < 0 ? -1 : from + index;
    }

    /// <summary>The longest token at a place that <paramref name="filter"/> lets through: what it reports, or -1.</summary>
    public int Match(ReadOnlySpan<byte> text, int at, OrdinaryText? filter, out int length)
    {
        var found = -1;
        length = 0;
        var node = _root[text[at]];
        for (var i = at + 1; node != 0; i++)
        {
            var token = _tokens[node];
            if (token >= 0 && (filter is null || !filter.Blocks(token, at, i)))
            {
                found = token;
                length = i - at;
            }

            if (i >= text.Length || !_children.TryGetValue(node << 8 | text[i], out node))
            {
                break;
            }
        }

        return found;
    }

    private ref int ChildSlot(int node, byte value) => ref node == 0
        ? ref _root[value]
        : ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_children, node << 8 | value, out _);
}
