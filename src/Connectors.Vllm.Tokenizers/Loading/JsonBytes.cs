using System.Text.Json;

namespace Connectors.Vllm.Tokenizers;

/// <summary>The text of a JSON string as UTF-8, without making a string.</summary>
internal static class JsonBytes
{
    /// <summary>The bytes: a part of the JSON itself when nothing is escaped, else unescaped into <paramref name="buffer"/>.</summary>
    public static ReadOnlySpan<byte> Of(scoped ref Utf8JsonReader reader, scoped ref byte[] buffer)
    {
        if (!reader.ValueIsEscaped)
        {
            return reader.ValueSpan;
        }

        if (buffer.Length < reader.ValueSpan.Length)
        {
            buffer = new byte[reader.ValueSpan.Length * 2];
        }

        return buffer.AsSpan(0, reader.CopyString(buffer));
    }
}
