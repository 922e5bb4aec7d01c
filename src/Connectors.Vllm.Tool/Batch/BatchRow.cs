using System.Text.Json;

namespace Connectors.Vllm.Tool.Batch;

/// <summary>One line of a batch's output: a result or an error, and where its request stood in the input.</summary>
/// <param name="Index">Position of the request in the input, from 0, shards counted as one.</param>
/// <param name="Hash">Fingerprint of the request's line, so that a journal is never mixed with another input.</param>
/// <param name="Failed">Whether the row belongs into the file of errors.</param>
/// <param name="Json">The row as it is written, UTF-8, without a line break.</param>
internal sealed record BatchRow(long Index, string Hash, bool Failed, ReadOnlyMemory<byte> Json)
{
    /// <summary>The row's id; carries the index, so that files of several shards can be merged.</summary>
    public static string IdOf(long index) => $"batch_req_{index:D8}";

    /// <summary>The index in an id that <see cref="IdOf"/> made; null for any other.</summary>
    public static long? IndexOf(string? id) =>
        id is not null && id.StartsWith("batch_req_", StringComparison.Ordinal) && long.TryParse(id.AsSpan(10), out var index) ? index : null;

    public static BatchRow Of(long index, string hash, bool failed, Action<Utf8JsonWriter> write)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(buffer, Relaxed))
        {
            writer.WriteStartObject();
            writer.WriteString("id", IdOf(index));
            write(writer);
            writer.WriteEndObject();
        }

        return new BatchRow(index, hash, failed, buffer.WrittenMemory);
    }

    /// <summary>An error as a row of its own.</summary>
    public static BatchRow Error(
        long index, string hash, string? customId, long line, string code, string message) => Of(index, hash, failed: true, writer =>
    {
        writer.WriteString("custom_id", customId);
        writer.WriteNull("response");
        writer.WriteStartObject("error");
        writer.WriteString("code", code);
        writer.WriteString("message", message);
        writer.WriteNumber("line", line);
        writer.WriteEndObject();
    });

    private static JsonWriterOptions Relaxed => new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
