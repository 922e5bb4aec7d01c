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
        while (reader.ReadLine() is { } line)
        {
            if (string.IsNullOrWhiteSpace(line))
            {
                continue;
            }

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
        writer.WriteString("type", exception.GetType().Name);
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
