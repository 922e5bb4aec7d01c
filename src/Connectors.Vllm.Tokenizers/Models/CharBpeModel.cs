using System.Runtime.InteropServices;
using System.Text;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.Models;

/// <summary>
/// BPE whose initial symbols are characters, with all options of tokenizer.json: unknown token, byte fallback, prefix and suffix. Llama 2, Mistral,
/// Gemma and Phi-3 pass whole messages as one piece, which is split where no merge is possible (between two characters that no merge joins). This
/// changes no id, and the parts repeat like words.
/// </summary>
internal sealed class CharBpeModel : TokenModel
{
    private readonly BpeOptions _options;
    private readonly Vocabulary _vocabulary;
    private readonly MergeTable _merges;
    private readonly MergeBorders? _borders;
    private readonly byte[] _prefix;
    private readonly byte[] _suffix;
    private readonly int[] _byteTokens = new int[256];
    private readonly int _unknown = -1;

    public CharBpeModel(BpeOptions options, Vocabulary vocabulary, MergeTable merges)
    {
        _options = options;
        _vocabulary = vocabulary;
        _merges = merges;
        _prefix = Encoding.UTF8.GetBytes(options.ContinuingSubwordPrefix ?? string.Empty);
        _suffix = Encoding.UTF8.GetBytes(options.EndOfWordSuffix ?? string.Empty);
        for (var value = 0; value < 256; value++)
        {
            _byteTokens[value] = options.ByteFallback ? vocabulary.Find($"<0x{value:X2}>") : -1;
        }

        if (options.UnknownToken is { } unknown)
        {
            _unknown = vocabulary.Find(unknown);
        }

        var plain = !options.IgnoreMerges && _prefix.Length == 0 && _suffix.Length == 0;
        _borders = plain ? MergeBorders.OfCharacters(vocabulary, merges, [.. _byteTokens.Append(_unknown).Where(id => id >= 0)]) : null;
    }

    public override Vocabulary Vocabulary => _vocabulary;

    public override int UnknownId => _unknown;

    public override ModelState CreateState() => new BpeState();

    public override void Encode(ReadOnlySpan<byte> piece, ModelState state, IdList output)
    {
        var bpe = (BpeState)state;
        piece = bpe.Pad(piece);
        while (!piece.IsEmpty && output.Count < state.MaxIds)
        {
            var length = _borders is null ? piece.Length : _borders.NextBorder(ref MemoryMarshal.GetReference(piece), piece.Length);
            EncodePart(piece[..length], bpe, output);
            piece = piece[length..];
        }
    }

    protected override ReadOnlySpan<byte> Source(int id)
    {
        var token = _vocabulary.Token(id);
        token = _prefix.Length > 0 && token.Length > _prefix.Length && token.StartsWith(_prefix) ? token[_prefix.Length..] : token;
        return _suffix.Length > 0 && token.Length > _suffix.Length && token.EndsWith(_suffix) ? token[..^_suffix.Length] : token;
    }

    private void EncodePart(ReadOnlySpan<byte> part, BpeState state, IdList output)
    {
        var first = output.Count;
        if (part.Length <= WordCache.LongestShort)
        {
            ref var start = ref MemoryMarshal.GetReference(part);
            if (!state.Cache.TryAppendShort(ref start, part.Length, 0, output))
            {
                Merge(part, state, output);
                state.Cache.AddShort(ref start, part.Length, 0, output.Written[first..]);
            }
        }
        else if (part.Length <= WordCache.LongestLong)
        {
            var hash = ByteHash.Of(part);
            if (!state.Cache.TryAppendLong(part, hash, output))
            {
                Merge(part, state, output);
                state.Cache.AddLong(part, hash, output.Written[first..]);
            }
        }
        else
        {
            Merge(part, state, output);
        }
    }

    private void Merge(ReadOnlySpan<byte> part, BpeState state, IdList output)
    {
        if (_options.IgnoreMerges && _vocabulary.Find(part) is >= 0 and var whole)
        {
            output.Add(whole);
            return;
        }

        var symbols = state.Symbols;
        symbols.Clear();
        FirstSymbols(part, symbols);
        if (symbols.Count is 0 or > BpeMerger.LongestScan)
        {
            if (symbols.Count > 0)
            {
                BpeMerger.MergeLong(_merges, symbols.Written, state, output);
            }

            return;
        }

        Span<ulong> pairs = stackalloc ulong[BpeMerger.LongestScan];
        var count = symbols.Count;
        var ids = output.Reserve(count);
        symbols.Written.CopyTo(ids);
        for (var i = 0; i + 1 < count; i++)
        {
            pairs[i] = _merges.Find(ids[i], ids[i + 1]);
        }

        output.Advance(BpeMerger.MergeShort(_merges, ids, count, pairs));
    }

    /// <summary>
    /// Appends the symbols of a piece's characters. As in the reference, a pending unknown token is written when a known character follows, but not
    /// before byte-fallback tokens.
    /// </summary>
    private void FirstSymbols(ReadOnlySpan<byte> part, IdList symbols)
    {
        var waiting = false;
        for (var at = 0; at < part.Length;)
        {
            var length = CodePoints.Length(part[at]);
            var character = part.Slice(at, length);
            var id = _prefix.Length + _suffix.Length == 0
                ? _vocabulary.Find(character)
                : FindDecorated(character, isFirst: at == 0, isLast: at + length == part.Length, out character);
            at += length;
            if (id >= 0)
            {
                Flush(ref waiting, symbols);
                symbols.Add(id);
            }
            else if (!TryBytes(character, symbols) && _options.UnknownToken is { } unknown)
            {
                if (_unknown < 0)
                {
                    var missing = CodePoints.Read(part, at - length, out _);
                    throw new TokenizerException(
                        $"the character U+{missing:X4} has no token, and the unknown token '{unknown}' is not in the vocabulary");
                }

                if (waiting && !_options.FuseUnknown)
                {
                    symbols.Add(_unknown);
                }

                waiting = true;
            }
        }

        Flush(ref waiting, symbols);
    }

    private void Flush(ref bool waiting, IdList symbols)
    {
        if (waiting)
        {
            symbols.Add(_unknown);
            waiting = false;
        }
    }

    private bool TryBytes(ReadOnlySpan<byte> character, IdList symbols)
    {
        if (!_options.ByteFallback)
        {
            return false;
        }

        foreach (var value in character)
        {
            if (_byteTokens[value] < 0)
            {
                return false;
            }
        }

        foreach (var value in character)
        {
            symbols.Add(_byteTokens[value]);
        }

        return true;
    }

    private int FindDecorated(ReadOnlySpan<byte> character, bool isFirst, bool isLast, out ReadOnlySpan<byte> decorated)
    {
        var bytes = new byte[_prefix.Length + character.Length + _suffix.Length];
        var length = 0;
        if (!isFirst)
        {
            _prefix.CopyTo(bytes, 0);
            length = _prefix.Length;
        }

        character.CopyTo(bytes.AsSpan(length));
        length += character.Length;
        if (isLast)
        {
            _suffix.CopyTo(bytes, length);
            length += _suffix.Length;
        }

        decorated = bytes.AsSpan(0, length);
        return _vocabulary.Find(decorated);
    }
}

/// <summary>The options of a BPE model in tokenizer.json.</summary>
internal sealed record BpeOptions
{
    /// <summary><c>unk_token</c>: the token of characters without a token.</summary>
    public string? UnknownToken { get; init; }

    /// <summary><c>continuing_subword_prefix</c>: before every character of a piece but the first; null when empty.</summary>
    public string? ContinuingSubwordPrefix { get; init; }

    /// <summary><c>end_of_word_suffix</c>: after the last character of a piece; null when empty.</summary>
    public string? EndOfWordSuffix { get; init; }

    /// <summary><c>fuse_unk</c>: whether consecutive unknown characters become one unknown token.</summary>
    public bool FuseUnknown { get; init; }

    /// <summary><c>byte_fallback</c>: whether characters without a token become the tokens of their bytes.</summary>
    public bool ByteFallback { get; init; }

    /// <summary><c>ignore_merges</c>: whether a piece that is a token is encoded as that token.</summary>
    public bool IgnoreMerges { get; init; }
}

/// <summary>Creates BPE models.</summary>
internal static class BpeModelFactory
{
    /// <summary>Limits the work of splitting every token at every position; tokens of real models have at most a few hundred bytes.</summary>
    private const long MaxBytesRead = 4L << 30;

    /// <summary>
    /// Creates the model of a tokenizer.json. It reads raw bytes if requested and if the options allow it: bytes then have tokens or are dropped, and
    /// nothing is added to characters.
    /// </summary>
    /// <param name="options">The options.</param>
    /// <param name="vocabulary">The tokens.</param>
    /// <param name="merges">The merges.</param>
    /// <param name="bytes">The bytes of the tokens, if they have already been computed.</param>
    /// <param name="wantsRawBytes">Whether the pre-tokenizer ends with ByteLevel.</param>
    public static TokenModel Create(BpeOptions options, Vocabulary vocabulary, MergeTable merges, TokenBytes? bytes, bool wantsRawBytes)
    {
        if (wantsRawBytes && options is { ContinuingSubwordPrefix: null, EndOfWordSuffix: null })
        {
            var model = new ByteBpeModel(vocabulary, bytes ?? TokenBytes.OfAlphabet(vocabulary), merges, options.IgnoreMerges, tokensAreBytes: false);
            if (model.HasAllBytes || options is { UnknownToken: null, ByteFallback: false })
            {
                return model;
            }
        }

        return new CharBpeModel(options, vocabulary, merges);
    }

    /// <summary>
    /// Creates the model of a rank file (tiktoken, tekken): tokens are bytes, and adjacent symbols merge if their concatenation is a token, the
    /// lowest rank first.
    /// </summary>
    /// <param name="tokens">The tokens and their ids, which are in the order of the ranks and include the single bytes.</param>
    /// <param name="budget">The memory budget for loading.</param>
    public static ByteBpeModel FromRanks(Vocabulary tokens, LoadBudget budget)
    {
        var triples = new IdList();
        var looked = 0L;
        for (var id = 0; id < tokens.IdLimit; id++)
        {
            var token = tokens.Token(id);
            looked += (long)token.Length * token.Length;
            if (looked > MaxBytesRead)
            {
                throw new TokenizerException("the file's tokens are far longer than those of any real model; download it again");
            }

            for (var cut = 1; cut < token.Length; cut++)
            {
                if (tokens.Find(token[..cut]) is >= 0 and var left && tokens.Find(token[cut..]) is >= 0 and var right)
                {
                    budget.Reserve(24, "merges");
                    triples.Add(left);
                    triples.Add(right);
                    triples.Add(id);
                }
            }
        }

        var found = triples.Written;
        var merges = new MergeTable(found.Length / 3, budget);
        for (var i = 0; i < found.Length; i += 3)
        {
            merges.Add(found[i], found[i + 1], found[i + 2], found[i + 2]);
        }

        // Like tiktoken, a piece that is a token is encoded as that token.
        return new ByteBpeModel(tokens, TokenBytes.Of(tokens), merges, ignoreMerges: true, tokensAreBytes: true);
    }
}
