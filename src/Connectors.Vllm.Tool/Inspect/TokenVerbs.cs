using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.Json;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Tool.Inspect;

/// <summary><c>encode</c>: text to token ids.</summary>
internal sealed class EncodeVerb(VllmTokenizer tokenizer) : IVerb
{
    private readonly TokenTexts _texts = new(tokenizer);

    public void Answer(JsonElement line, Utf8JsonWriter answer)
    {
        var text = line.Text("text") ?? throw new ArgumentException("the line has no \"text\"");
        var ids = tokenizer.Encode(text, line.Ranges("content"), addSpecialTokens: line.Flag("add_special_tokens", otherwise: false));
        answer.WriteNumbers("ids", ids);
        answer.WriteStartArray("tokens");
        foreach (var id in ids)
        {
            answer.WriteStringValue(_texts[id]);
        }

        answer.WriteEndArray();
    }

    public string ToLine(IReadOnlyList<string> arguments) => new JsonObject { ["text"] = JsonInput.Read(arguments) }.ToJsonString();

    public void Show(IReadOnlyList<string> arguments, TextWriter output)
    {
        foreach (var id in tokenizer.Encode(JsonInput.Read(arguments)))
        {
            output.WriteLine($"{id,8}  {JsonInput.Quote(_texts[id])}{(tokenizer.IsSpecialToken(id) ? "  special" : "")}");
        }
    }
}

/// <summary>The text of single tokens, decoded once each.</summary>
internal sealed class TokenTexts(VllmTokenizer tokenizer)
{
    private readonly Dictionary<int, string> _texts = [];

    public string this[int id]
    {
        get
        {
            if (!_texts.TryGetValue(id, out var text))
            {
                _texts.Add(id, text = tokenizer.Decode([id]));
            }

            return text;
        }
    }
}

/// <summary><c>decode</c>: decodes token ids to text, as a whole and as a stream.</summary>
internal sealed class DecodeVerb(VllmTokenizer tokenizer) : IVerb
{
    private static readonly char[] Separators = [' ', ',', '[', ']', '\n', '\r', '\t'];

    public void Answer(JsonElement line, Utf8JsonWriter answer)
    {
        var ids = line.Ids("ids") ?? throw new ArgumentException("the line has no \"ids\"");
        var skip = line.Flag("skip_special_tokens", otherwise: false);
        answer.WriteString("text", tokenizer.Decode(ids, skip));
        answer.WriteStartArray("pieces");
        var decoder = tokenizer.CreateStreamDecoder(skip);
        foreach (var id in ids)
        {
            answer.WriteStringValue(decoder.Push(id));
        }

        answer.WriteStringValue(decoder.Flush());
        answer.WriteEndArray();
    }

    public string ToLine(IReadOnlyList<string> arguments) => $"{{\"ids\":[{string.Join(',', Ids(arguments))}]}}";

    public void Show(IReadOnlyList<string> arguments, TextWriter output)
    {
        var ids = Ids(arguments);
        var decoder = tokenizer.CreateStreamDecoder();
        foreach (var id in ids)
        {
            output.WriteLine($"{id,8}  {JsonInput.Quote(decoder.Push(id))}{(tokenizer.IdToToken(id) is null ? "  not in the vocabulary" : "")}");
        }

        output.WriteLine($"{"end",8}  {JsonInput.Quote(decoder.Flush())}");
        output.WriteLine(tokenizer.Decode(ids));
    }

    private static int[] Ids(IReadOnlyList<string> arguments) =>
    [
        .. JsonInput.Read(arguments)
            .Split(Separators, StringSplitOptions.RemoveEmptyEntries)
            .Select(static id => int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? number
                : throw new ArgumentException($"'{id}' is not a token id")),
    ];
}
