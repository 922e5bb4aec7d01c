namespace Connectors.Vllm.Tokenizers.Unicode;

/// <summary>Extended grapheme clusters (https://www.unicode.org/reports/tr29/), Unicode 16.</summary>
internal static class GraphemeClusters
{
    private static readonly Lazy<CodePointMap> Breaks = new(() => CodePointMap.FromRuns(UnicodeData.ClusterBreaks));

    /// <summary>Length in bytes of the cluster that begins at <paramref name="start"/>.</summary>
    public static int NextLength(ReadOnlySpan<byte> text, int start)
    {
        // Two ASCII characters are never in the same cluster, except CR LF.
        if (text[start] < 0x80 && text[start] != '\r' && (start + 1 == text.Length || text[start + 1] < 0x80))
        {
            return 1;
        }

        var breaks = Breaks.Value;
        var before = (GraphemeBreak)breaks[CodePoints.Read(text, start, out var length)];
        var position = start + length;
        var isFlagOpen = before == GraphemeBreak.RegionalIndicator;
        var isEmoji = before == GraphemeBreak.Pictographic;
        var isConjunct = before == GraphemeBreak.Consonant;
        var hasLinker = false;
        while (position < text.Length)
        {
            var next = (GraphemeBreak)breaks[CodePoints.Read(text, position, out length)];
            var joinsEmoji = isEmoji && before == GraphemeBreak.ZeroWidthJoiner && next == GraphemeBreak.Pictographic;
            var joinsConjunct = isConjunct && hasLinker && next == GraphemeBreak.Consonant;
            var joinsFlag = isFlagOpen && next == GraphemeBreak.RegionalIndicator;
            if (!joinsEmoji && !joinsConjunct && !joinsFlag && BreaksBetween(before, next))
            {
                break;
            }

            var extends = next is GraphemeBreak.Extend or GraphemeBreak.ZeroWidthJoiner or GraphemeBreak.Linker;
            isFlagOpen = next == GraphemeBreak.RegionalIndicator && !joinsFlag;
            isEmoji = next == GraphemeBreak.Pictographic || (isEmoji && extends);
            hasLinker = next == GraphemeBreak.Linker || (hasLinker && extends);
            isConjunct = next == GraphemeBreak.Consonant || (isConjunct && extends);
            before = next;
            position += length;
        }

        return position - start;
    }

    private static bool BreaksBetween(GraphemeBreak before, GraphemeBreak next)
    {
        if (before is GraphemeBreak.CarriageReturn or GraphemeBreak.LineFeed or GraphemeBreak.Control)
        {
            return !(before == GraphemeBreak.CarriageReturn && next == GraphemeBreak.LineFeed);
        }

        if (next is GraphemeBreak.CarriageReturn or GraphemeBreak.LineFeed or GraphemeBreak.Control)
        {
            return true;
        }

        if (next is GraphemeBreak.Extend or GraphemeBreak.ZeroWidthJoiner or GraphemeBreak.Linker or GraphemeBreak.SpacingMark
            || before == GraphemeBreak.Prepend)
        {
            return false;
        }

        return before switch
        {
            GraphemeBreak.HangulL =>
                next is not (GraphemeBreak.HangulL or GraphemeBreak.HangulV or GraphemeBreak.HangulLV or GraphemeBreak.HangulLVT),
            GraphemeBreak.HangulLV or GraphemeBreak.HangulV => next is not (GraphemeBreak.HangulV or GraphemeBreak.HangulT),
            GraphemeBreak.HangulLVT or GraphemeBreak.HangulT => next != GraphemeBreak.HangulT,
            _ => true,
        };
    }
}

/// <summary>Classes of the grapheme cluster rules; the order is that of the generated table.</summary>
internal enum GraphemeBreak : byte
{
    Other,
    CarriageReturn,
    LineFeed,
    Control,
    Extend,
    ZeroWidthJoiner,
    RegionalIndicator,
    Prepend,
    SpacingMark,
    HangulL,
    HangulV,
    HangulT,
    HangulLV,
    HangulLVT,
    Pictographic,
    Consonant,
    Linker,
}
