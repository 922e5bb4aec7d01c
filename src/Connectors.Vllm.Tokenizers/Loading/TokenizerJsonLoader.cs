using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Connectors.Vllm.Shared;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Decoding;
using Connectors.Vllm.Tokenizers.Models;
using Connectors.Vllm.Tokenizers.Normalizers;
using Connectors.Vllm.Tokenizers.Pipeline;
using Connectors.Vllm.Tokenizers.PreTokenizers;
using Connectors.Vllm.Tokenizers.Scanners;

namespace Connectors.Vllm.Tokenizers.Loading;

/// <summary>
/// Reads a tokenizer.json (with its tokenizer_config.json) into a definition. The large parts, vocabulary and merges, are read directly from UTF-8,
/// the small ones with <see cref="JsonElement"/>.
/// </summary>
internal sealed class TokenizerJsonLoader
{

    private readonly ReadOnlyMemory<byte> _json;
    private readonly string _file;
    private readonly Dictionary<string, JsonElement> _parts = new(StringComparer.Ordinal);
    private ModelReader? _model;
    private string _part = "$";

    private readonly LoadBudget _budget;

    private TokenizerJsonLoader(ReadOnlyMemory<byte> json, string file, LoadBudget budget)
    {
        _json = json;
        _file = file;
        _budget = budget;
    }

    /// <summary>Loads a definition.</summary>
    /// <exception cref="TokenizerException">The file is malformed or uses an unsupported feature.</exception>
    public static TokenizerDefinition Load(ReadOnlyMemory<byte> json, string file, ReadOnlyMemory<byte> config, LoadBudget? budget = null)
    {
        var loader = new TokenizerJsonLoader(WithoutByteOrderMark(json), file, budget ?? new LoadBudget(long.MaxValue));
        try
        {
            return loader.Load(WithoutByteOrderMark(config));
        }
        catch (JsonException exception)
        {
            throw new TokenizerException(
                $"the JSON is malformed or truncated; download the file again ({exception.Message})", file, loader._part, exception);
        }
        catch (InvalidOperationException exception)
        {
            throw new TokenizerException("the JSON contains an unpaired surrogate in a string; download the file "
                + "again", file, loader._part, exception);
        }
    }

    private static ReadOnlyMemory<byte> WithoutByteOrderMark(ReadOnlyMemory<byte> json) => json.Span.StartsWith("\uFEFF"u8) ? json[3..] : json;

    private TokenizerDefinition Load(ReadOnlyMemory<byte> config)
    {
        ReadParts();
        var version = Part("version");
        if (!version.IsNull && version.AsString() != "1.0")
        {
            throw version.Error($"version '{version.AsString()}' is not supported; only tokenizer.json version \"1.0\" is");
        }

        if (_model is null)
        {
            throw new TokenizerException("there is no 'model'; check that this is a tokenizer.json", _file, "$");
        }

        var preTokenizer = Part("pre_tokenizer");
        var plan = PreTokenizerPlan.Of(preTokenizer);
        var model = _model.Create(wantsRawBytes: plan.EndsWithByteLevel && plan.NormalizerAllowsRawBytes(Part("normalizer")));
        var scanner = model.ReadsRawBytes ? plan.Scanner : ScannerKind.None;
        var decoder = Part("decoder");
        var kind = DecoderShapes.Recognize(decoder);
        return new TokenizerDefinition
        {
            Model = model,
            AddedTokens = AddedTokenReader.Read(Part("added_tokens"), config, ModelFolder.TokenizerConfig, model.Vocabulary, _budget),
            Normalizer = IsEmptySequence(Part("normalizer")) ? null : NormalizerFactory.Create(Part("normalizer")),
            Scanner = scanner,
            PreTokenizer = scanner == ScannerKind.None ? PreTokenizerFactory.Create(preTokenizer, model.ReadsRawBytes) : null,
            DecoderKind = kind,
            Decoder = kind == DecoderKind.Chain ? DecoderFactory.Create(decoder) : null,
            Template = PostProcessorFactory.Create(Part("post_processor")),
        };
    }

    /// <summary>Whether a normalizer is an empty Sequence, as in DeepSeek's files, and is omitted.</summary>
    private static bool IsEmptySequence(ComponentJson json) => json.Has("normalizers") && json.Items("normalizers").Count == 0;

    private ComponentJson Part(string name) => new(_parts.GetValueOrDefault(name), "$." + name, _file, _budget);

    private void ReadParts()
    {
        var span = _json.Span;
        if (!Utf8.IsValid(span))
        {
            throw new TokenizerException("the file is not valid UTF-8; download it again", _file, null);
        }

        var scanner = new JsonScanner(span, _file);
        if (scanner.Peek() != '{')
        {
            throw new TokenizerException("a JSON object is expected; check that this is a tokenizer.json", _file, "$");
        }

        scanner.Expect((byte)'{');
        for (var first = true; scanner.MoveNext(ref first, (byte)'}');)
        {
            var name = Encoding.UTF8.GetString(scanner.ReadString());
            scanner.Expect((byte)':');
            _part = "$." + name;
            if (name == "model")
            {
                _model = ModelReader.Read(ref scanner, _json, _file, PreTokenizerPlan.Of(Part("pre_tokenizer")).EndsWithByteLevel, _budget);
            }
            else
            {
                _parts[name] = scanner.ReadValue(_budget, name);
            }
        }

        if (scanner.Peek() != 0 || !scanner.AtEnd)
        {
            throw scanner.Error("there is text after the JSON object");
        }
    }
}

/// <summary>
/// Reads post-processors, which for the ids of a single text are always a prefix and a suffix. The reference distinguishes them by their properties,
/// so the type may be missing.
/// </summary>
internal static class PostProcessorFactory
{
    /// <summary>
    /// Reads the ids that <paramref name="json"/> adds around a single text (<see cref="SpecialTokenTemplate.None"/> for JSON null).
    /// </summary>
    public static SpecialTokenTemplate Create(ComponentJson json)
    {
        if (json.IsNull)
        {
            return SpecialTokenTemplate.None;
        }

        return json.Type switch
        {
            "Sequence" => Sequence(json),
            "TemplateProcessing" => Template(json),
            "BertProcessing" or "RobertaProcessing" => Wrapped(json),
            "ByteLevel" => SpecialTokenTemplate.None,
            null when json.Has("cls") && json.Has("sep") => Wrapped(json),
            null when json.Has("processors") => Sequence(json),
            null when json.Has("single") => Template(json),
            null when json.Has("trim_offsets") => SpecialTokenTemplate.None,
            _ => throw json.Unknown("post-processor"),
        };
    }

    private static SpecialTokenTemplate Sequence(ComponentJson json)
    {
        var result = SpecialTokenTemplate.None;
        foreach (var processor in json.Items("processors"))
        {
            result = result.Then(Create(processor));
        }

        return result;
    }

    /// <summary>BERT and RoBERTa: a class token before the text, a separator after it.</summary>
    private static SpecialTokenTemplate Wrapped(ComponentJson json) => new([TokenId(json, "cls")], [TokenId(json, "sep")]);

    private static int TokenId(ComponentJson json, string name)
    {
        var pair = json.Items(name);
        return pair.Count == 2 ? pair[1].AsInt() : throw json.Required(name).Error("a token and its id are expected");
    }

    private static SpecialTokenTemplate Template(ComponentJson json)
    {
        var tokens = json.Required("special_tokens");
        List<int> prefix = [], suffix = [];
        var sequences = 0;
        foreach (var piece in json.Items("single"))
        {
            if (piece.Optional("Sequence") is not null)
            {
                sequences++;
            }
            else
            {
                var name = piece.Required("SpecialToken").String("id");
                (sequences == 0 ? prefix : suffix).AddRange(tokens.Required(name).Items("ids").Select(id => id.AsInt()));
            }
        }

        return sequences == 1
            ? new SpecialTokenTemplate([.. prefix], [.. suffix])
            : throw json.Required("single").Error($"a template for one text must contain it once, not {sequences} times");
    }
}
