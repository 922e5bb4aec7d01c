using System.Buffers.Text;

namespace Connectors.Vllm.Tokenizers.Unicode;

/// <summary>Code points that turn into one or more others (lower case, decompositions). Immutable once filled.</summary>
internal sealed class CodePointMapping
{
    private const int PageSize = 128;

    private readonly ushort[] _pageOf = new ushort[CodePoints.Count / PageSize];
    private ushort[] _entries = new ushort[PageSize * 32];
    private int _pages = 1;
    private int[] _keys = new int[1024];
    private int[] _starts = new int[1025];
    private int[] _targets = new int[2048];
    private int _count;

    /// <summary>The code points that are mapped, rising.</summary>
    public ReadOnlySpan<int> Keys => _keys.AsSpan(0, _count);

    /// <summary>What <paramref name="codePoint"/> turns into; empty when it stays as it is.</summary>
    public ReadOnlySpan<int> this[int codePoint]
    {
        get
        {
            var page = (uint)codePoint / PageSize;
            var entry = page < (uint)_pageOf.Length ? _entries[(_pageOf[page] * PageSize) + (codePoint % PageSize)] : 0;
            return entry == 0 ? default : _targets.AsSpan(_starts[entry - 1], _starts[entry] - _starts[entry - 1]);
        }
    }

    /// <summary>Reads a table of mappings: distance to the key before, count, targets relative to the key.</summary>
    public static CodePointMapping Read(ReadOnlySpan<byte> base64)
    {
        var mapping = new CodePointMapping();
        var reader = new VarintReader(VarintReader.Decode(base64));
        Span<int> targets = stackalloc int[32];
        for (var codePoint = 0; !reader.AtEnd;)
        {
            codePoint += reader.Next();
            var count = reader.Next();
            for (var i = 0; i < count; i++)
            {
                targets[i] = codePoint + reader.NextSigned();
            }

            mapping.Add(codePoint, targets[..count]);
        }

        return mapping;
    }

    /// <summary>Adds a mapping; keys come in rising order.</summary>
    public void Add(int codePoint, ReadOnlySpan<int> targets)
    {
        var page = codePoint / PageSize;
        if (_pageOf[page] == 0)
        {
            if (_entries.Length == _pages * PageSize)
            {
                Array.Resize(ref _entries, _entries.Length * 2);
            }

            _pageOf[page] = (ushort)_pages++;
        }

        if (_count == _keys.Length)
        {
            Array.Resize(ref _keys, _count * 2);
            Array.Resize(ref _starts, (_count * 2) + 1);
        }

        var end = _starts[_count] + targets.Length;
        if (end > _targets.Length)
        {
            Array.Resize(ref _targets, Math.Max(end, _targets.Length * 2));
        }

        targets.CopyTo(_targets.AsSpan(_starts[_count]));
        _keys[_count++] = codePoint;
        _starts[_count] = end;
        _entries[(_pageOf[page] * PageSize) + (codePoint % PageSize)] = (ushort)_count;
    }
}

/// <summary>Reads the variable-length integers of a table of <see cref="UnicodeData"/> (seven bits per byte, lowest first).</summary>
internal ref struct VarintReader(ReadOnlySpan<byte> data)
{
    private ReadOnlySpan<byte> _rest = data;

    public readonly bool AtEnd => _rest.IsEmpty;

    /// <summary>The bytes behind a base64 literal; line breaks and indentation are skipped.</summary>
    public static byte[] Decode(ReadOnlySpan<byte> base64)
    {
        var bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(base64.Length)];
        Base64.DecodeFromUtf8(base64, bytes, out _, out var written);
        return bytes[..written];
    }

    public int Next()
    {
        var value = 0;
        for (int i = 0, shift = 0; ; i++, shift += 7)
        {
            value |= (_rest[i] & 0x7F) << shift;
            if (_rest[i] < 0x80)
            {
                _rest = _rest[(i + 1)..];
                return value;
            }
        }
    }

    /// <summary>A signed number: even values are positive, odd ones negative.</summary>
    public int NextSigned()
    {
        var value = Next();
        return (value & 1) == 0 ? value >> 1 : -(value >> 1) - 1;
    }
}
