namespace Connectors.Vllm.ChatTemplates.Syntax;

/// <summary>A template's source with Python's universal newlines, and the way from an offset to line and column.</summary>
internal sealed class SourceText
{
    private const int MaxShownLength = 160;

    public SourceText(string source, string? name)
    {
        Name = name;

        // Only \r\n and \r: ReplaceLineEndings would also take \f, U+0085, U+2028 and U+2029.
        var text = source.Contains('\r') ? source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n') : source;

        // Jinja drops one newline at the very end.
        Text = text.EndsWith('\n') ? text[..^1] : text;
    }

    public string Text { get; }

    public string? Name { get; }

    public ChatTemplateException Error(string reason, int position, Exception? cause = null)
    {
        position = Math.Clamp(position, 0, Text.Length);
        var start = position == 0 ? 0 : Text.LastIndexOf('\n', position - 1) + 1;
        var end = Text.IndexOf('\n', position);
        end = end < 0 ? Text.Length : end;
        var line = Text.AsSpan(0, start).Count('\n') + 1;
        var from = Math.Max(start, Math.Min(position - (MaxShownLength / 2), end - MaxShownLength));
        var shown = Text[from..Math.Min(end, from + MaxShownLength)];
        return new ChatTemplateException(reason, line, position - start + 1, shown, Name, cause);
    }
}
