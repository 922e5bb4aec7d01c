namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>Bounded lookahead helpers of the readers.</summary>
internal static class Lookahead
{
    /// <summary>Longest run of space that is looked over.</summary>
    public const int MaxSpace = 256;

    /// <summary>Position after space, at most <see cref="MaxSpace"/> of it.</summary>
    public static int SkipSpace(ReadOnlySpan<char> block, int position) =>
        SkipAllSpace(block[..Math.Min(block.Length, position + MaxSpace)], position);

    /// <summary>Position after all space.</summary>
    public static int SkipAllSpace(ReadOnlySpan<char> text, int position)
    {
        while (position < text.Length && char.IsWhiteSpace(text[position]))
        {
            position++;
        }

        return position;
    }

    /// <summary>
    /// Skips space and the given texts, of which one may stand there twice; false when more characters are needed to know.
    /// </summary>
    public static bool SkipTexts(ReadOnlySpan<char> block, ref int position, IReadOnlyList<string> texts, bool final)
    {
        for (var rest = texts.Count + 1; ; rest--)
        {
            position = SkipSpace(block, position);
            if (position == block.Length)
            {
                return final;
            }

            var open = false;
            var length = rest == 0 ? 0 : Prefix(block[position..], texts, out open);
            if (length == 0)
            {
                return !open || final;
            }

            position += length;
        }
    }

    /// <summary>Length of the longest of the texts that the block begins with; <paramref name="open"/> when it ends inside of one.</summary>
    public static int Prefix(ReadOnlySpan<char> text, IReadOnlyList<string> candidates, out bool open)
    {
        var length = 0;
        open = false;
        foreach (var candidate in candidates)
        {
            if (text.StartsWith(candidate, StringComparison.Ordinal))
            {
                length = Math.Max(length, candidate.Length);
            }
            else if (candidate.AsSpan().StartsWith(text, StringComparison.Ordinal))
            {
                open = true;
            }
        }

        return length;
    }

    /// <summary>
    /// The first of the texts at or after a position; -1 when there is none yet. <paramref name="safe"/> is the position up to which none begins,
    /// so that the next search can go on there.
    /// </summary>
    public static int First(ReadOnlySpan<char> block, int position, IReadOnlyList<string> texts, out int length, out int safe)
    {
        var best = -1;
        length = 0;
        safe = block.Length;
        foreach (var text in texts)
        {
            var window = best < 0 ? block[position..] : block[position..Math.Min(block.Length, best + text.Length)];
            var at = window.IndexOf(text, StringComparison.Ordinal);
            if (at >= 0 && (best < 0 || position + at < best || (position + at == best && text.Length > length)))
            {
                (best, length) = (position + at, text.Length);
            }

            safe = Math.Min(safe, Math.Max(position, block.Length - text.Length + 1));
        }

        return best;
    }

    /// <summary>True when the text can be a function's name: letters, digits and the few signs that occur in names.</summary>
    public static bool IsName(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
        {
            if (!char.IsLetterOrDigit(c) && c is not ('_' or '-' or '.' or ':' or '/' or '$' or '@'))
            {
                return false;
            }
        }

        return text.Length is > 0 and <= 256;
    }
}

/// <summary>Newlines that belong to a marker: <c>\n</c> or <c>\r\n</c>, a bounded number of them.</summary>
internal static class Framing
{
    /// <summary>
    /// Length of the newlines at the end of the text, at most <paramref name="newlines"/> of them; with <paramref name="open"/> also a last
    /// <c>\r</c>.
    /// </summary>
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
