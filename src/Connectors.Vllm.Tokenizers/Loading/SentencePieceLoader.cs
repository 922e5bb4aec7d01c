using System.Text.Json;
using Connectors.Vllm.Shared;
using Connectors.Vllm.Tokenizers.AddedTokens;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Decoding;
using Connectors.Vllm.Tokenizers.Models;
using Connectors.Vllm.Tokenizers.Normalizers;
using Connectors.Vllm.Tokenizers.Pipeline;
using Google.Protobuf;

namespace Connectors.Vllm.Tokenizers.Loading;

/// <summary>
/// Loads SentencePiece models (<c>tokenizer.model</c>, https://github.com/google/sentencepiece), BPE and Unigram, like the converters of
/// transformers. Control symbols and the unknown token become special added tokens, which prompts may contain; user-defined symbols are matched in
/// the normalized text.
/// </summary>
internal sealed class SentencePieceLoader
{
    private readonly List<Piece> _pieces = [];
    private ModelKind _kind = ModelKind.Unigram;
    private bool _byteFallback;
    private bool _marksEnds;
    private PrecompiledNormalizer? _map;
    private bool _addsPrefix = true;
    private bool _trimsBlanks = true;
    private bool _escapesBlanks = true;

    private SentencePieceLoader()
    {
    }

    private enum ModelKind
    {
        Unigram = 1,
        Bpe = 2,
    }

    private enum PieceKind
    {
        Normal = 1,
        Unknown = 2,
        Control = 3,
        UserDefined = 4,
        Unused = 5,
        Byte = 6,
    }

    /// <summary>
    /// Whether a file begins like a SentencePiece model, with its first piece. A tiktoken file of the same name contains lines of text.
    /// </summary>
    public static bool Recognizes(ReadOnlySpan<byte> file) => file.Length > 2 && file[0] == 0x0A && file[2] == 0x0A;

    /// <summary>Creates the definition of a SentencePiece tokenizer.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="fileName">The file's name, for messages.</param>
    /// <param name="config">tokenizer_config.json, which may be empty: additional added tokens, and whether begin and end tokens are added.</param>
    /// <param name="budget">The memory budget for loading.</param>
    public static TokenizerDefinition Load(ReadOnlyMemory<byte> file, string fileName, ReadOnlyMemory<byte> config, LoadBudget budget)
    {
        // A piece of two encoded bytes becomes an object with a string.
        budget.Reserve(file.Length * 12L, fileName);
        var loader = new SentencePieceLoader();
        try
        {
            loader.ReadModel(ByteString.CopyFrom(file.Span));
            return loader.Create(config, budget);
        }
        catch (InvalidProtocolBufferException exception)
        {
            throw new TokenizerException("the file is not a SentencePiece model, or is truncated; download it again", fileName, null, exception);
        }
        catch (TokenizerException exception) when (exception.File is null)
        {
            throw new TokenizerException(exception.Message, fileName, null, exception);
        }
    }

    private void ReadModel(ByteString bytes)
    {
        ReadFields(bytes, (field, input) =>
        {
            switch (field)
            {
                case 1:
                    _pieces.Add(ReadPiece(input.ReadBytes()));
                    return true;
                case 2:
                    ReadFields(input.ReadBytes(), ReadTrainer);
                    return true;
                case 3:
                    ReadFields(input.ReadBytes(), ReadNormalizer);
                    return true;
                default:
                    return false;
            }
        });
    }

    private static Piece ReadPiece(ByteString bytes)
    {
        var (text, score, kind) = (ByteString.Empty, 0f, PieceKind.Normal);
        ReadFields(bytes, (field, input) =>
        {
            switch (field)
            {
                case 1:
                    text = input.ReadBytes();
                    return true;
                case 2:
                    score = input.ReadFloat();
                    return true;
                case 3:
                    kind = (PieceKind)input.ReadEnum();
                    return true;
                default:
                    return false;
            }
        });
        return new Piece(text, score, kind);
    }

    private bool ReadTrainer(int field, CodedInputStream input)
    {
        switch (field)
        {
            case 3:
                _kind = (ModelKind)input.ReadEnum();
                return true;
            case 24:
                _marksEnds = input.ReadBool();
                return true;
            case 35:
                _byteFallback = input.ReadBool();
                return true;
            default:
                return false;
        }
    }

    private bool ReadNormalizer(int field, CodedInputStream input)
    {
        switch (field)
        {
            case 2:
                var map = input.ReadBytes();
                _map = map.IsEmpty ? null : new PrecompiledNormalizer(map.Span);
                return true;
            case 3:
                _addsPrefix = input.ReadBool();
                return true;
            case 4:
                _trimsBlanks = input.ReadBool();
                return true;
            case 5:
                _escapesBlanks = input.ReadBool();
                return true;
            default:
                return false;
        }
    }

    /// <summary>Reads a message; fields that <paramref name="read"/> does not handle are skipped.</summary>
    private static void ReadFields(ByteString message, Func<int, CodedInputStream, bool> read)
    {
        using var input = message.CreateCodedInput();
        while (input.ReadTag() is not 0 and var tag)
        {
            if (!read(WireFormat.GetTagFieldNumber(tag), input))
            {
                input.SkipLastField();
            }
        }
    }

    private TokenizerDefinition Create(ReadOnlyMemory<byte> config, LoadBudget budget)
    {
        if (_pieces.Count == 0)
        {
            throw new TokenizerException("the file contains no pieces; download it again");
        }

        if (_kind is not (ModelKind.Bpe or ModelKind.Unigram))
        {
            throw new TokenizerException("the file's model is neither BPE nor Unigram; word and character models are not supported");
        }

        var builder = new Vocabulary.Builder(_pieces.Count, budget);
        for (var id = 0; id < _pieces.Count; id++)
        {
            // SentencePiece uses the first of two equal pieces, where the builder would use the last; real files have none.
            if (!builder.TryAdd(_pieces[id].Text.Span, id))
            {
                throw new TokenizerException("the file contains more pieces than any real model");
            }
        }

        var vocabulary = builder.Build();
        var added = AddedTokens(config, budget);
        return new TokenizerDefinition
        {
            Model = _kind == ModelKind.Bpe ? Bpe(vocabulary, budget) : Unigram(vocabulary),
            AddedTokens = added,
            AddedTokensAreNormalized = true,
            Normalizer = new SentencePieceNormalizer(new SentencePieceRules(_map, _addsPrefix, _trimsBlanks, _escapesBlanks, _marksEnds, Symbols())),
            DecoderKind = _addsPrefix && !_marksEnds ? DecoderKind.ByteFallbackStrip : DecoderKind.ByteFallback,
            Template = Template(added, config, budget),
        };
    }

    /// <summary>
    /// Creates a BPE model in which adjacent symbols merge if their concatenation is a piece, the piece with the highest score first.
    /// </summary>
    private CharBpeModel Bpe(Vocabulary vocabulary, LoadBudget budget)
    {
        var mergeable = Enumerable.Range(0, _pieces.Count).Where(id => IsText(_pieces[id].Kind)).ToHashSet();
        var triples = new List<(int Left, int Right, int Rank, int Id)>();
        var rank = -1;
        var lastScore = float.NaN;
        foreach (var id in mergeable.OrderByDescending(id => _pieces[id].Score).ThenBy(id => id))
        {
            // Pieces with the same score have the same rank; the leftmost pair is then merged first.
            rank += _pieces[id].Score.Equals(lastScore) ? 0 : 1;
            lastScore = _pieces[id].Score;
            var text = _pieces[id].Text.Span;
            for (var cut = 1; cut < text.Length; cut++)
            {
                if ((text[cut] & 0xC0) != 0x80
                    && vocabulary.Find(text[..cut]) is >= 0 and var left && mergeable.Contains(left)
                    && vocabulary.Find(text[cut..]) is >= 0 and var right && mergeable.Contains(right))
                {
                    budget.Reserve(32, "merges");
                    triples.Add((left, right, rank, id));
                }
            }
        }

        var merges = new MergeTable(triples.Count, budget);
        foreach (var (left, right, order, id) in triples)
        {
            merges.Add(left, right, order, id);
        }

        var unknown = _pieces.Find(piece => piece.Kind == PieceKind.Unknown);
        return new CharBpeModel(
            new BpeOptions { UnknownToken = unknown?.Text.ToStringUtf8(), FuseUnknown = true, ByteFallback = _byteFallback }, vocabulary, merges);
    }

    private UnigramModel Unigram(Vocabulary vocabulary) => new(
        vocabulary,
        [.. _pieces.Select(piece => (double)piece.Score)],
        _pieces.FindIndex(piece => piece.Kind == PieceKind.Unknown),
        _byteFallback,
        new SentencePieceScoring(
            [.. Enumerable.Range(0, _pieces.Count).Where(id => !IsText(_pieces[id].Kind) || _pieces[id].Kind == PieceKind.Unused)],
            _pieces.Where(piece => piece.Kind == PieceKind.Normal).Select(piece => piece.Score).DefaultIfEmpty().Min()));

    private TokenTrie? Symbols()
    {
        var symbols = _pieces.Where(piece => piece.Kind == PieceKind.UserDefined && !piece.Text.IsEmpty)
            .Select(piece => (piece.Text.ToByteArray(), 0)).ToList();
        return symbols.Count > 0 ? new TokenTrie(symbols) : null;
    }

    private static bool IsText(PieceKind kind) => kind is PieceKind.Normal or PieceKind.UserDefined or PieceKind.Unused;

    private List<AddedToken> AddedTokens(ReadOnlyMemory<byte> config, LoadBudget budget)
    {
        var added = new List<AddedToken>();
        for (var id = 0; id < _pieces.Count; id++)
        {
            var content = _pieces[id].Text.ToStringUtf8();
            if (_pieces[id].Kind is PieceKind.Control or PieceKind.Unknown)
            {
                added.Add(new AddedToken(id, content, IsSpecial: true));
            }
            else if (_pieces[id].Kind == PieceKind.UserDefined)
            {
                added.Add(new AddedToken(id, content, Normalized: true));
            }
        }

        AddedTokenReader.MergeConfig(added, config, ModelFolder.TokenizerConfig, budget);
        return added.Find(token => token.Id >= Vocabulary.Builder.IdCeiling) is { } far
            ? throw new TokenizerException($"the token '{far.Content}' has the id {far.Id}, which no vocabulary reaches")
            : added;
    }

    /// <summary>
    /// Creates the special tokens template like transformers: BPE models (Llama, Mistral) begin a text with a token, the others end it with one.
    /// </summary>
    private SpecialTokenTemplate Template(List<AddedToken> added, ReadOnlyMemory<byte> config, LoadBudget budget)
    {
        bool? addsBegin = null, addsEnd = null;
        var (begin, end) = ("<s>", "</s>");
        if (!config.IsEmpty)
        {
            using var document = AddedTokenReader.ParseConfig(config, ModelFolder.TokenizerConfig, budget);
            var root = new ComponentJson(document.RootElement, "$", ModelFolder.TokenizerConfig, budget);
            addsBegin = root.Optional("add_bos_token")?.AsBool();
            addsEnd = root.Optional("add_eos_token")?.AsBool();
            begin = Content(root, "bos_token") ?? begin;
            end = Content(root, "eos_token") ?? end;
        }

        var beginId = added.Find(token => token.Content == begin)?.Id;
        var endId = added.Find(token => token.Content == end)?.Id;
        var isBpe = _kind == ModelKind.Bpe;
        return new SpecialTokenTemplate(
            (addsBegin ?? isBpe) && beginId is int first ? [first] : [],
            (addsEnd ?? !isBpe) && endId is int last ? [last] : []);
    }

    private static string? Content(ComponentJson root, string name) => root.Optional(name) switch
    {
        null => null,
        { Element.ValueKind: JsonValueKind.String } text => text.AsString(),
        var token => token.OptionalString("content"),
    };

    private sealed record Piece(ByteString Text, float Score, PieceKind Kind);
}
