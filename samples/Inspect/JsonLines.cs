using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Connectors.Vllm.ChatTemplates;

namespace Connectors.Vllm.Samples.Inspect;

/// <summary>Turns a verb into a filter: one JSON object a line in, one out, same order, each flushed; a failing line answers its error.</summary>
internal static class JsonLines
{
    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

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
            try
            {
                Answer(verb, line, answer);
            }
            catch (Exception exception)
            {
                answer.ResetWrittenCount();
                AnswerError(exception, answer);
            }

            answer.Write("\n"u8);
            output.Write(answer.WrittenSpan);
            output.Flush();
        }
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
