using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Connectors.Vllm.ChatTemplates;

namespace Connectors.Vllm.Tool.Inspect;

/// <summary>One verb, loaded once: answers one JSON line, or one question of a person.</summary>
internal interface IVerb
{
    /// <summary>Whether there is a question to read. A verb without one also answers a filter that is given no line.</summary>
    bool NeedsInput => true;

    /// <summary>Answers a line: writes the members of one JSON object (the caller writes the braces).</summary>
    /// <exception cref="Exception">Any error of the line; the caller answers it and reads the next line.</exception>
    void Answer(JsonElement line, Utf8JsonWriter answer);

    /// <summary>Runs the verb for the command line; <paramref name="arguments"/> are those after the options.</summary>
    void Show(IReadOnlyList<string> arguments, TextWriter output);

    /// <summary>The line that asks what a person asks; without more the input itself, which is a JSON object.</summary>
    string ToLine(IReadOnlyList<string> arguments) => NeedsInput ? JsonInput.Read(arguments) : "{}";
}

/// <summary>Turns a verb into a filter: one JSON object a line in, one out, same order, each flushed; a failing line answers its error.</summary>
internal static class JsonLines
{
    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Answers one question of a person as a line.</summary>
    /// <returns>Whether it could be answered.</returns>
    public static bool Ask(IVerb verb, IReadOnlyList<string> arguments, Stream output)
    {
        ArrayBufferWriter<byte> answer = new();
        var answered = TryAnswer(verb, verb.ToLine(arguments), answer);
        output.Write(answer.WrittenSpan);
        return answered;
    }

    public static void Run(IVerb verb, Stream input, Stream output)
    {
        using StreamReader reader = new(input, new UTF8Encoding(false), leaveOpen: true);
        ArrayBufferWriter<byte> answer = new();
        var unasked = !verb.NeedsInput;
        while ((reader.ReadLine() ?? (unasked ? "{}" : null)) is { } line)
        {
            if (string.IsNullOrWhiteSpace(line))
            {
                continue;
            }

            unasked = false;
            answer.ResetWrittenCount();
            TryAnswer(verb, line, answer);
            output.Write(answer.WrittenSpan);
            output.Flush();
        }
    }

    private static bool TryAnswer(IVerb verb, string line, ArrayBufferWriter<byte> answer)
    {
        var answered = true;
        try
        {
            Answer(verb, line, answer);
        }
        catch (Exception exception)
        {
            answered = false;
            answer.ResetWrittenCount();
            AnswerError(exception, answer);
        }

        answer.Write("\n"u8);
        return answered;
    }

    private static void Answer(IVerb verb, string line, ArrayBufferWriter<byte> answer)
    {
        using var document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 512 });
        if (document.RootElement.ValueKind != JsonValueKind.Object)
        {
            throw new JsonException($"A line must be one JSON object, not {document.RootElement.ValueKind}.");
        }

        using Utf8JsonWriter writer = new(answer, Writing);
        writer.WriteStartObject();
        verb.Answer(document.RootElement, writer);
        writer.WriteEndObject();
        writer.Flush();
    }

    private static void AnswerError(Exception exception, ArrayBufferWriter<byte> answer)
    {
        using Utf8JsonWriter writer = new(answer, Writing);
        writer.WriteStartObject();
        writer.WriteBoolean("ok", false);
        writer.WriteStartObject("error");
        exception = exception.InnerException as ChatTemplateException ?? exception;
        writer.WriteString("type", exception is JsonException ? nameof(JsonException) : exception.GetType().Name);
        writer.WriteString("message", exception.Message);
        if (exception is ChatTemplateException { Line: > 0 } template)
        {
            writer.WriteNumber("line", template.Line);
            writer.WriteNumber("column", template.Column);
        }

        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.Flush();
    }
}

/// <summary>Reads members of an input line, and the input of a person.</summary>
internal static class JsonInput
{
    /// <summary>Whether messages are as Microsoft.Extensions.AI serializes them, not in OpenAI's form.</summary>
    public static bool IsExtensionsForm(this JsonElement messages) => messages.ValueKind == JsonValueKind.Array
        && messages.EnumerateArray().Any(static message => message.ValueKind == JsonValueKind.Object
            && message.TryGetProperty("contents", out _) && !message.TryGetProperty("content", out _));

    /// <summary>The member, or null when it is absent or null.</summary>
    public static JsonElement? Member(this JsonElement line, string name) =>
        line.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>The member as text, or null when it is absent.</summary>
    public static string? Text(this JsonElement line, string name) => line.Member(name)?.Of(name, "a string", JsonValueKind.String).GetString();

    /// <summary>The member as a flag.</summary>
    public static bool Flag(this JsonElement line, string name, bool otherwise) =>
        line.Member(name)?.Of(name, "true or false", JsonValueKind.True, JsonValueKind.False).GetBoolean() ?? otherwise;

    /// <summary>A member that must be there, as a whole number.</summary>
    public static int Number(this JsonElement line, string name) =>
        line.Member(name)?.Whole(name) ?? throw new ArgumentException($"\"{name}\" is missing");

    /// <summary>The member as token ids.</summary>
    public static int[]? Ids(this JsonElement line, string name) =>
        line.Member(name)?.Of(name, "an array of token ids", JsonValueKind.Array).EnumerateArray().Select(id => id.Whole(name)).ToArray();

    /// <summary>The member as ranges of UTF-16 units.</summary>
    public static Range[] Ranges(this JsonElement line, string name) =>
        line.Member(name)?.Of(name, "an array of [start, end]", JsonValueKind.Array).EnumerateArray()
            .Select(pair => pair.ValueKind == JsonValueKind.Array && pair.GetArrayLength() == 2
                ? pair[0].Whole(name)..pair[1].Whole(name)
                : throw new ArgumentException($"\"{name}\" contains something other than [start, end]"))
            .ToArray() ?? [];

    private static JsonElement Of(this JsonElement value, string name, string what, params ReadOnlySpan<JsonValueKind> kinds) =>
        kinds.Contains(value.ValueKind) ? value : throw new ArgumentException($"\"{name}\" must be {what}, not {value.ValueKind}");

    /// <summary>A value as a whole number, 0 or more.</summary>
    public static int Whole(this JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= 0
            ? number
            : throw new ArgumentException($"\"{name}\" contains {value.GetRawText()}, which is not an integer from 0 to {int.MaxValue}");

    /// <summary>An object's members, in order.</summary>
    public static Dictionary<string, object?> ToDictionary(this JsonElement value) =>
        value.EnumerateObject().ToDictionary(member => member.Name, member => (object?)member.Value, StringComparer.Ordinal);

    /// <summary>Gets the input of the command line: the arguments, a file named by <c>@FILE</c>, or standard input.</summary>
    public static string Read(IReadOnlyList<string> arguments) => arguments switch
    {
        [] => Console.In.ReadToEnd(),
        [['@', .. var file]] => File.ReadAllText(file),
        _ => string.Join(' ', arguments),
    };

    /// <summary>Formats text so that spaces and line breaks are readable.</summary>
    public static string Quote(string text) =>
        "\"" + JsonEncodedText.Encode(text, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping) + "\"";

    /// <summary>Writes numbers as an array.</summary>
    public static void WriteNumbers(this Utf8JsonWriter answer, string name, ReadOnlySpan<int> numbers)
    {
        answer.WriteStartArray(name);
        foreach (var number in numbers)
        {
            answer.WriteNumberValue(number);
        }

        answer.WriteEndArray();
    }

    /// <summary>Writes ranges as <c>[[start,end],…]</c>.</summary>
    public static void WriteRanges(this Utf8JsonWriter answer, string name, IReadOnlyList<Range> ranges)
    {
        answer.WriteStartArray(name);
        foreach (var range in ranges)
        {
            answer.WriteStartArray();
            answer.WriteNumberValue(range.Start.Value);
            answer.WriteNumberValue(range.End.Value);
            answer.WriteEndArray();
        }

        answer.WriteEndArray();
    }
}
