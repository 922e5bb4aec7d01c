using System.Globalization;
using System.Text.Json;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Tool.Inspect;

/// <summary><c>decode</c>: token ids to text, whole and as a stream gives it.</summary>
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
            output.WriteLine($"{id,8}  {JsonInput.Quote(decoder.Push(id))}");
        }

        output.WriteLine($"{"end",8}  {JsonInput.Quote(decoder.Flush())}");
        output.WriteLine(tokenizer.Decode(ids));
    }

    private static int[] Ids(IReadOnlyList<string> arguments) =>
    [
        .. JsonInput.Read(arguments)
            .Split(Separators, StringSplitOptions.RemoveEmptyEntries)
            .Select(id => int.Parse(id, CultureInfo.InvariantCulture)),
    ];
}
