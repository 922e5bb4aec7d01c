namespace Connectors.Vllm.Tokenizers;

/// <summary>The tokens of a Unigram model by their bytes: one hash table of (node, byte) to node.</summary>
internal sealed class UnigramTrie
{
    private const int None = -1;

    private long[] _keys = new long[1 << 12];
    private int[] _children = new int[1 << 12];
    private int _nodes = 1;
    private int[] _tokens = [None];

    /// <summary>The node all tokens begin at.</summary>
    public const int Root = 0;

    /// <summary>Adds a token; one that is there already gets the new number.</summary>
    public void Add(ReadOnlySpan<byte> token, int number)
    {
        var node = Root;
        foreach (var value in token)
        {
            var child = Next(node, value);
            node = child >= 0 ? child : AddChild(node, value);
        }

        _tokens[node] = number;
    }

    /// <summary>The node behind a byte, or -1.</summary>
    public int Next(int node, byte value)
    {
        var key = Key(node, value);
        var mask = _keys.Length - 1;
        for (var slot = Slot(key, mask); ; slot = (slot + 1) & mask)
        {
            if (_keys[slot] == key)
            {
                return _children[slot];
            }

            if (_keys[slot] == 0)
            {
                return None;
            }
        }
    }

    /// <summary>The token that ends at a node, or -1.</summary>
    public int Token(int node) => _tokens[node];

    private static long Key(int node, byte value) => ((long)node << 8 | value) + 1;

    private static int Slot(long key, int mask) => (int)((ulong)key * 0x9E3779B97F4A7C15 >> 33) & mask;

    private int AddChild(int node, byte value)
    {
        if (_nodes * 2 > _keys.Length)
        {
            Grow();
        }

        if (_nodes == _tokens.Length)
        {
            Array.Resize(ref _tokens, _nodes * 2);
        }

        Insert(Key(node, value), _nodes);
        _tokens[_nodes] = None;
        return _nodes++;
    }

    private void Insert(long key, int child)
    {
        var mask = _keys.Length - 1;
        var slot = Slot(key, mask);
        while (_keys[slot] != 0)
        {
            slot = (slot + 1) & mask;
        }

        (_keys[slot], _children[slot]) = (key, child);
    }

    private void Grow()
    {
        var (keys, children) = (_keys, _children);
        _keys = new long[keys.Length * 2];
        _children = new int[keys.Length * 2];
        for (var i = 0; i < keys.Length; i++)
        {
            if (keys[i] != 0)
            {
                Insert(keys[i], children[i]);
            }
        }
    }
}
