using System.Text.Json;

namespace Connectors.Vllm.Tokenizers;

/// <summary>Reads the <c>model</c> object of a tokenizer.json: the BPE kind straight from the UTF-8, others through their factory.</summary>
internal sealed class ModelReader
{
    private const string Path = "$.model";

    private readonly ReadOnlyMemory<byte> _json;
    private readonly string _file;
    private string? _type;
    private BpeOptions _options = new();
    private Vocabulary? _vocabulary;
    private MergeTable? _merges;
    private string? _prefixOfMerges;
    private (int Start, int Length) _mergesRange;
    private (int Start, int Length) _range;

    private ModelReader(ReadOnlyMemory<byte> json, string file)
    {
        _json = json;
        _file = file;
    }

    /// <summary>Reads the object the reader stands at, and leaves the reader at its end.</summary>
    public static ModelReader Read(ref Utf8JsonReader reader, ReadOnlyMemory<byte> json, string file)
    {
        var result = new ModelReader(json, file);
        result.ReadObject(ref reader);
        return result;
    }

    /// <summary>Makes the model.</summary>
    /// <param name="wantsRawBytes">The pre-tokenizer ends with ByteLevel, so a BPE model may read raw bytes.</param>
    public TokenModel Create(bool wantsRawBytes)
    {
        // Old files have no type; the reference then tries BPE first, which needs a vocabulary and merges.
        if (_type is not null ? _type != "BPE" : _vocabulary is null || _mergesRange.Length == 0)
        {
            using var document = JsonDocument.Parse(_json.Slice(_range.Start, _range.Length));
            return OtherModelFactory.Create(new ComponentJson(document.RootElement.Clone(), Path, _file));
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
            var reader = new Utf8JsonReader(_json.Span.Slice(_mergesRange.Start, _mergesRange.Length));
            reader.Read();
            _merges = MergeReader.Read(ref reader, _vocabulary, _prefixOfMerges, _file);
        }

        return BpeModelFactory.Create(_options, _vocabulary, _merges, wantsRawBytes);
    }

    private TokenizerException Error(string message, string place) => new(message, _file, place);

    private void ReadObject(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Error($"an object is expected, not {reader.TokenType}", Path);
        }

        var start = (int)reader.TokenStartIndex;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            var valueStart = (int)reader.TokenStartIndex;
            switch (name)
            {
                case "vocab" when reader.TokenType == JsonTokenType.StartObject:
                    _vocabulary = ReadVocabulary(ref reader);
                    break;
                case "merges" when _vocabulary is not null && reader.TokenType == JsonTokenType.StartArray:
                    _prefixOfMerges = _options.ContinuingSubwordPrefix;
                    _merges = MergeReader.Read(ref reader, _vocabulary, _prefixOfMerges, _file);
                    _mergesRange = (valueStart, (int)reader.BytesConsumed - valueStart);
                    break;
                case "merges":
                    reader.Skip();
                    _mergesRange = (valueStart, (int)reader.BytesConsumed - valueStart);
                    break;
                default:
                    ReadOption(ref reader, name!);
                    break;
            }
        }

        _range = (start, (int)reader.BytesConsumed - start);
    }

    private void ReadOption(ref Utf8JsonReader reader, string name)
    {
        var place = $"{Path}.{name}";
        switch (name)
        {
            case "type":
                _type = Text(ref reader, place);
                break;
            case "dropout" when reader.TokenType == JsonTokenType.Number && reader.GetDouble() > 0:
                throw Error("dropout above 0 is not supported: it makes ids random; set it to null", place);
            case "unk_token" when reader.TokenType is JsonTokenType.String or JsonTokenType.Null:
                _options = _options with { UnknownToken = Text(ref reader, place) };
                break;
            case "continuing_subword_prefix":
                _options = _options with { ContinuingSubwordPrefix = Text(ref reader, place) is { Length: > 0 } prefix ? prefix : null };
                break;
            case "end_of_word_suffix":
                _options = _options with { EndOfWordSuffix = Text(ref reader, place) is { Length: > 0 } suffix ? suffix : null };
                break;
            case "fuse_unk":
                _options = _options with { FuseUnknown = Flag(ref reader, place) };
                break;
            case "byte_fallback":
                _options = _options with { ByteFallback = Flag(ref reader, place) };
                break;
            case "ignore_merges":
                _options = _options with { IgnoreMerges = Flag(ref reader, place) };
                break;
            default:
                reader.Skip();
                break;
        }
    }

    private string? Text(ref Utf8JsonReader reader, string place) => reader.TokenType switch
    {
        JsonTokenType.Null => null,
        JsonTokenType.String => reader.GetString(),
        _ => throw Error($"a string is expected, not {reader.TokenType}", place),
    };

    private bool Flag(ref Utf8JsonReader reader, string place) => reader.TokenType switch
    {
        JsonTokenType.Null or JsonTokenType.False => false,
        JsonTokenType.True => true,
        _ => throw Error($"true or false is expected, not {reader.TokenType}", place),
    };

    private Vocabulary ReadVocabulary(ref Utf8JsonReader reader)
    {
        // An entry takes some 20 bytes; a good guess spares growing. The real number is checked by growing.
        var builder = new Vocabulary.Builder(Math.Clamp(_json.Length / 48, 1024, 1 << 19));
        var buffer = new byte[256];
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var token = JsonBytes.Of(ref reader, ref buffer);
            var tokenStart = reader.TokenStartIndex;
            // The reader goes on, but the bytes stay where they are: in the file, or in our buffer.
            reader.Read();
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out var id) || !builder.TryAdd(token, id))
            {
                throw Error(
                    $"the id of token '{System.Text.Encoding.UTF8.GetString(token)}' is no whole number from 0 to {Vocabulary.Builder.IdCeiling - 1}",
                    $"{Path}.vocab, byte {tokenStart}");
            }
        }

        return builder.Build();
    }
}
