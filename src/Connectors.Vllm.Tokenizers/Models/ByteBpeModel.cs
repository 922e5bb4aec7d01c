using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Models;

/// <summary>
/// Byte-level BPE on raw bytes: the printable alphabet was removed when the file was loaded, so the bytes of a piece are its symbols.
/// </summary>
internal sealed class ByteBpeModel : TokenModel
{
    /// <summary>The number of long pieces after which the borders are computed; for fewer pieces, that would cost more than it saves.</summary>
    private const int MinLongPieces = 64;

    private readonly Vocabulary _vocabulary;
    private readonly MergeTable _merges;
    private readonly bool _ignoreMerges;
    private readonly bool _tokensAreBytes;
    private MergeBorders? _borders;
    private int _longPieces;
    private readonly int[] _idOfByte = new int[256];
    private readonly ulong[] _mergeOfBytes = new ulong[256 * 256];

    /// <param name="vocabulary">The tokens as in the file.</param>
    /// <param name="bytes">The bytes of the tokens.</param>
    /// <param name="merges">The merges.</param>
    /// <param name="ignoreMerges">Whether a piece that is a token is encoded as that token, regardless of the merges.</param>
    /// <param name="tokensAreBytes">Whether the tokens in the file are bytes and not in the printable alphabet.</param>
    public ByteBpeModel(Vocabulary vocabulary, TokenBytes bytes, MergeTable merges, bool ignoreMerges, bool tokensAreBytes)
    {
        _vocabulary = vocabulary;
        Bytes = bytes;
        _merges = merges;
        _ignoreMerges = ignoreMerges;
        _tokensAreBytes = tokensAreBytes;
        for (var value = 0; value < 256; value++)
        {
            _idOfByte[value] = FindWhole([(byte)value], new Utf8Buffer());
            HasAllBytes &= _idOfByte[value] >= 0;
        }

        Array.Fill(_mergeOfBytes, MergeTable.None);
        for (var left = 0; left < 256; left++)
        {
            for (var right = 0; right < 256; right++)
            {
                if (_idOfByte[left] >= 0 && _idOfByte[right] >= 0)
                {
                    _mergeOfBytes[left << 8 | right] = merges.Find(_idOfByte[left], _idOfByte[right]);
                }
            }
        }
    }

    public override Vocabulary Vocabulary => _vocabulary;

    /// <summary>The bytes of the tokens.</summary>
    public TokenBytes Bytes { get; }

    public override bool ReadsRawBytes => true;

    /// <summary>Whether every byte is a token, so that every text can be encoded. Other bytes are dropped, as in the reference.</summary>
    public bool HasAllBytes { get; } = true;

    public override ModelState CreateState() => new BpeState();

    public override void Encode(ReadOnlySpan<byte> piece, ModelState state, IdList output)
    {
        var bpe = (BpeState)state;
        EncodePiece(ref MemoryMarshal.GetReference(bpe.Pad(piece)), piece.Length, bpe, output);
    }

    public override void Locate(ReadOnlySpan<byte> piece, ReadOnlySpan<int> ids, TokenSpans spans, TextBudget budget)
    {
        if (!HasAllBytes)
        {
            base.Locate(piece, ids, spans, budget);
            return;
        }

        var at = 0;
        foreach (var id in ids)
        {
            var end = at + Bytes[id].Length;
            spans.Add(at, end);
            at = end;
        }
    }

    protected override ReadOnlySpan<byte> Source(int id) => Bytes[id];

    /// <summary>Encodes a piece in a buffer with at least 16 readable bytes after its end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void EncodePiece(ref byte piece, int length, BpeState state, IdList output)
    {
        if (length > WordCache.LongestShort || !state.Cache.TryAppendShort(ref piece, length, 0, output))
        {
            EncodeNew(ref piece, length, state, output);
        }
    }

    private void EncodeNew(ref byte start, int length, BpeState state, IdList output)
    {
        var piece = MemoryMarshal.CreateReadOnlySpan(ref start, length);
        var first = output.Count;
        if (length <= WordCache.LongestShort)
        {
            if (!TryWhole(piece, state, output))
            {
                Merge(piece, state, output);
            }

            state.Cache.AddShort(ref start, length, 0, output.Written[first..]);
            return;
        }

        var hash = length <= WordCache.LongestLong ? ByteHash.Of(piece) : 0;
        if (length > WordCache.LongestLong || !state.Cache.TryAppendLong(piece, hash, output))
        {
            if (!TryWhole(piece, state, output))
            {
                EncodeParts(ref start, length, state, output);
            }

            if (length <= WordCache.LongestLong)
            {
                state.Cache.AddLong(piece, hash, output.Written[first..]);
            }
        }
    }

    private bool TryWhole(ReadOnlySpan<byte> piece, BpeState state, IdList output)
    {
        if (_ignoreMerges && FindWhole(piece, state.Alphabet) is >= 0 and var whole)
        {
            output.Add(whole);
            return true;
        }

        return false;
    }

    /// <summary>Finds the token of some bytes, or -1. The alphabet is a bijection, so tokens can be looked up in the notation of the file.</summary>
    private int FindWhole(ReadOnlySpan<byte> piece, Utf8Buffer alphabet)
    {
        if (piece.Length > _vocabulary.Longest)
        {
            return -1;
        }

        if (_tokensAreBytes)
        {
            return _vocabulary.Find(piece);
        }

        alphabet.Clear();
        ByteAlphabet.AppendChars(piece, 0, alphabet);
        return _vocabulary.Find(alphabet.Written);
    }

    /// <summary>
    /// Encodes a long piece in parts, split where no merge is possible. The parts are cached with a mark, because a piece that is a token may be
    /// encoded without merging (<c>ignore_merges</c>), but a part may not.
    /// </summary>
    private void EncodeParts(ref byte start, int length, BpeState state, IdList output)
    {
        // Concurrent threads may create it twice, with the same result.
        if (_borders is not { } borders)
        {
            // Most Latin letters merge with most others, so there would be few borders.
            var isLatin = Unsafe.Add(ref start, length / 2) < 0x80;
            if (isLatin || !HasAllBytes || ++_longPieces < MinLongPieces)
            {
                Merge(MemoryMarshal.CreateReadOnlySpan(ref start, length), state, output);
                return;
            }

            _borders = borders = MergeBorders.OfBytes(Bytes, _merges);
        }

        var mark = _ignoreMerges ? WordCache.PartMark : 0;
        while (length > 0)
        {
            var part = borders.NextBorder(ref start, length);
            if (part > WordCache.LongestShort)
            {
                Merge(MemoryMarshal.CreateReadOnlySpan(ref start, part), state, output);
            }
            else if (!state.Cache.TryAppendShort(ref start, part, mark, output))
            {
                var first = output.Count;
                Merge(MemoryMarshal.CreateReadOnlySpan(ref start, part), state, output);
                state.Cache.AddShort(ref start, part, mark, output.Written[first..]);
            }

            start = ref Unsafe.Add(ref start, part);
            length -= part;
        }
    }

    private void Merge(ReadOnlySpan<byte> piece, BpeState state, IdList output)
    {
        if (piece.Length > BpeMerger.LongestScan || !HasAllBytes)
        {
            MergeLong(piece, state, output);
            return;
        }

        Span<ulong> pairs = stackalloc ulong[BpeMerger.LongestScan];
        var ids = output.Reserve(piece.Length);
        var last = -1;
        for (var i = 0; i < piece.Length; i++)
        {
            ids[i] = _idOfByte[piece[i]];
            if (i > 0)
            {
                pairs[i - 1] = _mergeOfBytes[last << 8 | piece[i]];
            }

            last = piece[i];
        }

        output.Advance(BpeMerger.MergeShort(_merges, ids, piece.Length, pairs));
    }

    private void MergeLong(ReadOnlySpan<byte> piece, BpeState state, IdList output)
    {
        state.Symbols.Clear();
        var symbols = state.Symbols.Reserve(piece.Length);
        var count = 0;
        foreach (var value in piece)
        {
            if (_idOfByte[value] >= 0)
            {
                symbols[count++] = _idOfByte[value];
            }
        }

        if (count > 0)
        {
            BpeMerger.MergeLong(_merges, symbols[..count], state, output);
        }
    }
}

/// <summary>The bytes of each id, concatenated. Immutable.</summary>
internal sealed class TokenBytes
{
    private readonly byte[] _blob;
    private readonly int[] _starts;

    private TokenBytes(byte[] blob, int[] starts)
    {
        _blob = blob;
        _starts = starts;
    }

    /// <summary>The highest id plus one.</summary>
    public int IdLimit => _starts.Length - 1;

    /// <summary>At least the total length of all bytes.</summary>
    public int Capacity => _blob.Length;

    /// <summary>Gets the bytes of an id; empty if there is no such token.</summary>
    public ReadOnlySpan<byte> this[int id] => _blob.AsSpan(_starts[id], _starts[id + 1] - _starts[id]);

    /// <summary>Creates the bytes of the tokens of a rank file, which are bytes already.</summary>
    public static TokenBytes Of(Vocabulary vocabulary) => Create(vocabulary, isAlphabet: false);

    /// <summary>
    /// Creates the bytes of the tokens of a byte-level vocabulary. A token with a character outside the alphabet represents its own UTF-8, as in the
    /// decoder of the reference.
    /// </summary>
    public static TokenBytes OfAlphabet(Vocabulary vocabulary) => Create(vocabulary, isAlphabet: true);

    private static TokenBytes Create(Vocabulary vocabulary, bool isAlphabet)
    {
        // Removing the alphabet never makes a token longer.
        var blob = new byte[vocabulary.BlobLength];
        var starts = new int[vocabulary.IdLimit + 1];
        var at = 0;
        for (var id = 0; id < vocabulary.IdLimit; id++)
        {
            starts[id] = at;
            var token = vocabulary.Token(id);
            if (!isAlphabet || !ByteAlphabet.TryToBytes(token, blob.AsSpan(at), out var length))
            {
                token.CopyTo(blob.AsSpan(at));
                length = token.Length;
            }

            at += length;
        }

        starts[^1] = at;
        return new TokenBytes(blob, starts);
    }
}
