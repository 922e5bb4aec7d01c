using System.Buffers;
using System.Globalization;
using System.Text;

namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>Python's view of characters: code points for lengths and indices, and its own idea of white space and digits.</summary>
internal static class Characters
{
    private static readonly SearchValues<char> Spaces = SearchValues.Create(
        "\t\n\v\f\r\u001c\u001d\u001e\u001f \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
        + "\u2028\u2029\u202f\u205f\u3000");

    private static readonly SearchValues<char> LineEnds = SearchValues.Create("\n\r\v\f\u001c\u001d\u001e\u0085\u2028\u2029");

    /// <summary>str.isspace: unlike .NET's white space it has U+001C to U+001F.</summary>
    public static bool IsSpace(char unit) => unit is ' ' or '\n' || Spaces.Contains(unit);

    public static int IndexOfLineEnd(ReadOnlySpan<char> text) => text.IndexOfAny(LineEnds);

    public static bool HasSurrogates(ReadOnlySpan<char> text) => text.ContainsAnyInRange('\uD800', '\uDFFF');

    /// <summary>Number of code points; a lone surrogate is one.</summary>
    public static int Count(ReadOnlySpan<char> text)
    {
        var at = text.IndexOfAnyInRange('\uD800', '\uDFFF');
        if (at < 0)
        {
            return text.Length;
        }

        var count = text.Length;
        for (; at + 1 < text.Length; at++)
        {
            if (char.IsSurrogatePair(text[at], text[at + 1]))
            {
                count--;
                at++;
            }
        }

        return count;
    }

    /// <summary>The UTF-16 offset of a code point; the text's length for the one behind the last.</summary>
    public static int OffsetOf(string text, int codePoint)
    {
        var first = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF');
        if (first < 0 || codePoint <= first)
        {
            return Math.Min(codePoint, text.Length);
        }

        var at = first;
        for (var i = first; i < codePoint && at < text.Length; i++)
        {
            at += UnitsAt(text, at);
        }

        return at;
    }

    /// <summary>Units of the code point at an offset: 1 or 2.</summary>
    public static int UnitsAt(ReadOnlySpan<char> text, int at) =>
        at + 1 < text.Length && char.IsSurrogatePair(text[at], text[at + 1]) ? 2 : 1;

    public static Rune RuneAt(ReadOnlySpan<char> text, int at)
    {
        Rune.DecodeFromUtf16(text[at..], out var rune, out _);
        return rune;
    }

    public static string Strip(string text)
    {
        var (start, end) = Trim(text, null, left: true, right: true);
        return text[start..end];
    }

    /// <summary>What remains of a text when characters are stripped from its ends; null strips white space.</summary>
    public static (int Start, int End) Trim(string text, string? characters, bool left, bool right)
    {
        var (start, end) = (0, text.Length);
        if (characters is null)
        {
            while (left && start < end && IsSpace(text[start]))
            {
                start++;
            }

            while (right && end > start && IsSpace(text[end - 1]))
            {
                end--;
            }

            return (start, end);
        }

        while (left && start < end && Contains(characters, text.AsSpan(start, UnitsAt(text, start))))
        {
            start += UnitsAt(text, start);
        }

        while (right && end > start)
        {
            var units = end - start > 1 && char.IsSurrogatePair(text[end - 2], text[end - 1]) ? 2 : 1;
            if (!Contains(characters, text.AsSpan(end - units, units)))
            {
                break;
            }

            end -= units;
        }

        return (start, end);
    }

    /// <summary>The value of a decimal or letter digit, or -1.</summary>
    public static int DigitValue(char unit) =>
        unit is >= 'a' and <= 'z' ? unit - 'a' + 10
        : unit is >= 'A' and <= 'Z' ? unit - 'A' + 10
        : CharUnicodeInfo.GetDecimalDigitValue(unit);

    /// <summary>Whether repr prints the code point as it is (str.isprintable).</summary>
    public static bool IsPrintable(Rune rune) =>
        rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
            or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator
            or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);

    private static bool Contains(string characters, ReadOnlySpan<char> character) => characters.AsSpan().IndexOf(character) >= 0;
}
