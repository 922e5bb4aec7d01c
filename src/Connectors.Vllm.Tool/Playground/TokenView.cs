using System.Text.Json;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Tool.Playground;

/// <summary>A prompt token by token: id, text, whether it is a special token, whether it came from message content.</summary>
internal static class TokenView
{
    public static void Write(Utf8JsonWriter writer, VllmPromptPreview preview, VllmTokenizer tokenizer)
    {
        int[] ids = [.. preview.TokenIds];
        var starts = tokenizer.DecodeWithStarts(ids);
        var text = starts.Text;
        var content = new ContentCursor(preview.Content, preview.Text, text);
        writer.WriteStartArray("tokens");
        for (var i = 0; i < ids.Length; i++)
        {
            var start = starts.Starts[i];
            var end = i + 1 < ids.Length ? starts.Starts[i + 1] : text.Length;
            writer.WriteStartObject();
            writer.WriteNumber("id", ids[i]);
            writer.WriteString("text", text[start..end]);
            writer.WriteBoolean("special", tokenizer.IsSpecialToken(ids[i]));
            writer.WriteBoolean("content", content.Has(start));
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteString("rendered", preview.Text);
    }

    /// <summary>Walks through the content ranges; positions must not go back. Decoded text that differs from the rendered has no ranges.</summary>
    private struct ContentCursor(IReadOnlyList<Range> ranges, string rendered, string decoded)
    {
        // A begin token that the tokenizer adds stands before the rendered text.
        private readonly int _shift = decoded.EndsWith(rendered, StringComparison.Ordinal) ? decoded.Length - rendered.Length : -1;
        private int _next;

        public bool Has(int position)
        {
            if (_shift < 0)
            {
                return false;
            }

            position -= _shift;
            while (_next < ranges.Count && ranges[_next].End.Value <= position)
            {
                _next++;
            }

            return _next < ranges.Count && ranges[_next].Start.Value <= position;
        }
    }
}
