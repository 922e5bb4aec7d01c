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

    /// <summary>Answers a person: <paramref name="arguments"/> are the words after the options.</summary>
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
            throw new JsonException($"A line is one JSON object, not {document.RootElement.ValueKind}.");
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
