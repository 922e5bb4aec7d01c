namespace Connectors.Vllm.OutputParsing;

/// <summary>Newlines that belong to a marker: <c>\n</c> or <c>\r\n</c>, a bounded number of them.</summary>
internal static class Framing
{
    /// <summary>Length of the newlines at the end of the text, at most <paramref name="newlines"/> of them; with <paramref name="open"/> also a last <c>\r</c>.</summary>
    public static int Trailing(ReadOnlySpan<char> text, int newlines, bool open)
    {
        if (newlines == 0 || text.IsEmpty || text[^1] is not ('\n' or '\r'))
        {
            return 0;
        }

        var end = text.Length;
        if (open && text[end - 1] == '\r')
        {
            end--;
        }

        for (; newlines > 0 && end > 0 && text[end - 1] == '\n'; newlines--)
        {
            end -= end > 1 && text[end - 2] == '\r' ? 2 : 1;
        }

        return text.Length - end;
    }
}
