using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// Byte-level BPE on raw bytes: the printable alphabet of the file was undone when it was loaded, so a piece's bytes are its symbols.
/// </summary>
internal sealed class ByteBpeModel : TokenModel
{
    private readonly Vocabulary _vocabulary;
    private readonly Vocabulary _rawTokens;
    private readonly MergeTable _merges;
    private readonly bool _ignoreMerges;
    private readonly int[] _idOfByte = new int[256];
    private readonly ulong[] _mergeOfBytes = new ulong[256 * 256];

    /// <param name="vocabulary">The tokens as the file writes them.</param>
    /// <param name="rawTokens">The same ids by the bytes they stand for; tokens outside the alphabet left out.</param>
    /// <param name="merges">The merges.</param>
    /// <param name="ignoreMerges">A piece that is a token is that token, whatever the merges say.</param>
    public ByteBpeModel(Vocabulary vocabulary, Vocabulary rawTokens, MergeTable merges, bool ignoreMerges)
    {
        _vocabulary = vocabulary;
        _rawTokens = rawTokens;
        _merges = merges;
        _ignoreMerges = ignoreMerges;
        for (var value = 0; value < 256; value++)
        {
            _idOfByte[value] = rawTokens.Find([(byte)value]);
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

    /// <summary>The tokens by the bytes they stand for.</summary>
    public Vocabulary RawTokens => _rawTokens;

    public override bool ReadsRawBytes => true;

    /// <summary>Every byte is a token, so every text has ids. Bytes that are none are dropped, as in the reference.</summary>
    public bool HasAllBytes { get; } = true;

    public override ModelState CreateState() => new BpeState();

    public override void Encode(ReadOnlySpan<byte> piece, ModelState state, IdList output)
    {
        if (piece.Length > WordCache.LongestShort)
        {
            EncodePiece(ref MemoryMarshal.GetReference(piece), piece.Length, (BpeState)state, output);
            return;
        }

        Span<byte> padded = stackalloc byte[16];
        piece.CopyTo(padded);
        EncodePiece(ref MemoryMarshal.GetReference(padded), piece.Length, (BpeState)state, output);
    }

    /// <summary>The same for a piece in a buffer: 16 bytes from its start must be readable.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void EncodePiece(ref byte piece, int length, BpeState state, IdList output)
    {
        if (length > WordCache.LongestShort || !state.Cache.TryAppendShort(ref piece, length, output))
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
            Merge(piece, state, output);
            state.Cache.AddShort(ref start, length, output.Written[first..]);
        }
        else if (length <= WordCache.LongestLong)
        {
            var hash = ByteHash.Of(piece);
            if (!state.Cache.TryAppendLong(piece, hash, output))
            {
                Merge(piece, state, output);
                state.Cache.AddLong(piece, hash, output.Written[first..]);
            }
        }
        else
        {
            Merge(piece, state, output);
        }
    }

    private void Merge(ReadOnlySpan<byte> piece, BpeState state, IdList output)
    {
        if (_ignoreMerges && _rawTokens.Find(piece) is >= 0 and var whole)
        {
            output.Add(whole);
            return;
        }

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
