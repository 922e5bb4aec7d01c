using System.Text;
using System.Text.Json;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Models;

namespace Connectors.Vllm.Tokenizers.Loading;

/// <summary>Reads the <c>model</c> object of a tokenizer.json: BPE models directly from UTF-8, others with their factory.</summary>
internal sealed class ModelReader
{
    private const string Path = "$.model";

    private readonly ReadOnlyMemory<byte> _json;
    private readonly string _file;
    private string? _type;
    private BpeOptions _options = new();
    private Vocabulary? _vocabulary;
    private MergeTable? _merges;
    private TokenBytes? _bytes;
    private string? _prefixOfMerges;
    private (int Start, int Length) _mergesRange;
    private (int Start, int Length) _range;

    private readonly LoadBudget _budget;

    private ModelReader(ReadOnlyMemory<byte> json, string file, LoadBudget budget)
    {
        _budget = budget;
        _json = json;
        _file = file;
    }

    /// <summary>
    /// Reads the object at the scanner's position and moves past it. <paramref name="mayReadRawBytes"/> predicts the argument of <see
    /// cref="Create"/>; a wrong prediction only costs time.
    /// </summary>
    public static ModelReader Read(ref JsonScanner scanner, ReadOnlyMemory<byte> json, string file, bool mayReadRawBytes, LoadBudget budget)
    {
        var result = new ModelReader(json, file, budget);
        result.ReadObject(ref scanner, mayReadRawBytes);
        return result;
    }

    /// <summary>Creates the model.</summary>
    /// <param name="wantsRawBytes">Whether the pre-tokenizer ends with ByteLevel, so that a BPE model may read raw bytes.</param>
    public TokenModel Create(bool wantsRawBytes)
    {
        // Old files have no type. The reference then tries BPE first, which requires a vocabulary and merges.
        if (_type is not null ? _type != "BPE" : _vocabulary is null || _mergesRange.Length == 0)
        {
            _budget.ReserveJson(_range.Length, Path);
            using var document = JsonDocument.Parse(_json.Slice(_range.Start, _range.Length));
            return OtherModelFactory.Create(new ComponentJson(document.RootElement, Path, _file, _budget));
        }

        if (_vocabulary is null)
        {
            throw Error("'vocab' is missing", Path);
        }

        if (_mergesRange.Length == 0)
        {
            throw Error("'merges' is missing", Path);
        }

        if (_merges is null || _prefixOfMerges != _options.ContinuingSubwordPrefix)
        {
            _prefixOfMerges = _options.ContinuingSubwordPrefix;
            var scanner = new JsonScanner(_json.Span, _file, _mergesRange.Start);
            _merges = MergeReader.Read(ref scanner, _json, _vocabulary, _prefixOfMerges, _file, static () => { }, _budget);
        }

        return BpeModelFactory.Create(_options, _vocabulary, _merges, _bytes, wantsRawBytes);
    }

    private TokenizerException Error(string message, string place) => new(message, _file, place);

    private void ReadObject(ref JsonScanner scanner, bool mayReadRawBytes)
    {
        if (scanner.Peek() != '{')
        {
            throw Error("an object is expected", Path);
        }

        var start = scanner.Position;
        scanner.Expect((byte)'{');
        for (var first = true; scanner.MoveNext(ref first, (byte)'}');)
        {
            var name = Encoding.UTF8.GetString(scanner.ReadString());
            scanner.Expect((byte)':');
            var kind = scanner.Peek();
            var valueStart = scanner.Position;
            switch (name)
            {
                case "vocab" when kind == '{':
                    _vocabulary = ReadVocabulary(ref scanner);
                    break;
                case "merges" when _vocabulary is not null && kind == '[':
                    _prefixOfMerges = _options.ContinuingSubwordPrefix;
                    ReadMerges(ref scanner, _vocabulary, mayReadRawBytes);
                    _mergesRange = (valueStart, scanner.Position - valueStart);
                    break;
                case "merges":
                    scanner.SkipValue();
                    _mergesRange = (valueStart, scanner.Position - valueStart);
                    break;
                case "vocab":
                    scanner.SkipValue();
                    break;
                default:
                    ReadOption(scanner.ReadValue(_budget, Path), name);
                    break;
            }
        }

        _range = (start, scanner.Position - start);
    }

    /// <summary>
    /// Reads the merges. The bytes of the tokens (needed if the model will read raw bytes) depend only on the vocabulary, so they are computed at the
    /// same time.
    /// </summary>
    private void ReadMerges(ref JsonScanner scanner, Vocabulary vocabulary, bool mayReadRawBytes)
    {
        _merges = MergeReader.Read(
            ref scanner,
            _json,
            vocabulary,
            _prefixOfMerges,
            _file,
            () => _bytes = mayReadRawBytes ? TokenBytes.OfAlphabet(vocabulary) : null,
            _budget);
    }

    private void ReadOption(JsonElement element, string name)
    {
        var value = new ComponentJson(element, $"{Path}.{name}", _file);
        switch (name)
        {
            case "type":
                _type = Text(value);
                break;
            case "dropout" when element.ValueKind == JsonValueKind.Number && value.AsDouble() > 0:
                throw value.Error("dropout above 0 is not supported, because it makes ids random; set it to null");
            case "unk_token" when element.ValueKind is JsonValueKind.String or JsonValueKind.Null:
                _options = _options with { UnknownToken = Text(value) };
                break;
            case "continuing_subword_prefix":
                _options = _options with { ContinuingSubwordPrefix = Text(value) is { Length: > 0 } prefix ? prefix : null };
                break;
            case "end_of_word_suffix":
                _options = _options with { EndOfWordSuffix = Text(value) is { Length: > 0 } suffix ? suffix : null };
                break;
            case "fuse_unk":
                _options = _options with { FuseUnknown = Flag(value) };
                break;
            case "byte_fallback":
                _options = _options with { ByteFallback = Flag(value) };
                break;
            case "ignore_merges":
                _options = _options with { IgnoreMerges = Flag(value) };
                break;
            default:
                break;
        }
    }

    private static string? Text(ComponentJson value) => value.IsNull ? null : value.AsString();

    private static bool Flag(ComponentJson value) => !value.IsNull && value.AsBool();

    private Vocabulary ReadVocabulary(ref JsonScanner scanner)
    {
        // An entry takes about 20 bytes and the file also contains merges; a good estimate avoids resizing.
        var builder = new Vocabulary.Builder(Math.Clamp(_json.Length / 48, 1024, 1 << 19), _budget);
        scanner.Expect((byte)'{');
        for (var first = true; scanner.MoveNext(ref first, (byte)'}');)
        {
            var token = scanner.ReadString();
            scanner.Expect((byte)':');
            if (!scanner.TryReadNumber(out var id) || !builder.TryAdd(token, id))
            {
                throw Error(
                    $"the id of token '{Encoding.UTF8.GetString(token)}' is not an integer from 0 to {Vocabulary.Builder.IdCeiling - 1}",
                    $"{Path}.vocab, byte {scanner.Position}");
            }
        }

        return builder.Build();
    }
}

/// <summary>Creates the models that are not BPE: Unigram, WordPiece, WordLevel.</summary>
internal static class OtherModelFactory
{
    /// <summary>
    /// Creates the model that <paramref name="json"/> describes. If the type is missing, the caller has tried BPE; then WordPiece, WordLevel and
    /// Unigram are tried by their properties, as in the reference.
    /// </summary>
    public static TokenModel Create(ComponentJson json) => (json.Type ?? Guess(json)) switch
    {
        "WordPiece" => new WordPieceModel(
            Words(json),
            json.OptionalString("unk_token") ?? "[UNK]",
            json.OptionalString("continuing_subword_prefix") ?? "##",
            json.Int("max_input_chars_per_word", 100)),
        "WordLevel" => new WordLevelModel(Words(json), json.OptionalString("unk_token") ?? "<unk>"),
        "Unigram" => Unigram(json),
        _ => throw json.Unknown("model"),
    };

    private static string? Guess(ComponentJson json) =>
        json.Optional("vocab") is { Element.ValueKind: JsonValueKind.Array } ? "Unigram"
        : json.Has("max_input_chars_per_word") || json.Has("continuing_subword_prefix") ? "WordPiece"
        : json.Has("vocab") ? "WordLevel"
        : null;

    private static Vocabulary Words(ComponentJson json)
    {
        var vocab = json.Required("vocab");
        if (vocab.Element.ValueKind != JsonValueKind.Object)
        {
            throw vocab.Error($"an object of tokens and ids is expected, not {vocab.Element.ValueKind}");
        }

        var builder = new Vocabulary.Builder(vocab.Element.GetPropertyCount(), json.Budget);
        foreach (var entry in vocab.Element.EnumerateObject())
        {
            var item = new ComponentJson(entry.Value, $"{vocab.Path}.{entry.Name}", json.File, json.Budget);
            if (!builder.TryAdd(Encoding.UTF8.GetBytes(entry.Name), item.AsInt()))
            {
                throw item.Error("the token id is out of range");
            }
        }

        return builder.Build();
    }

    private static UnigramModel Unigram(ComponentJson json)
    {
        var entries = json.Items("vocab");
        var builder = new Vocabulary.Builder(entries.Count, json.Budget);
        var scores = new double[entries.Count];
        for (var id = 0; id < entries.Count; id++)
        {
            var pair = entries[id].AsItems();
            if (pair.Count != 2 || !builder.TryAdd(Encoding.UTF8.GetBytes(pair[0].AsString()), id))
            {
                throw entries[id].Error("a token and its score are expected");
            }

            scores[id] = pair[1].AsDouble();
        }

        var unknown = json.Int("unk_id", -1);
        if (unknown >= entries.Count || (unknown < 0 && json.Has("unk_id")))
        {
            throw json.Required("unk_id").Error("the unk_id is not the id of a token");
        }

        return new UnigramModel(builder.Build(), scores, unknown, json.Bool("byte_fallback", false));
    }
}
