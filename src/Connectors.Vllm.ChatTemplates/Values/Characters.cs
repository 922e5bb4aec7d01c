using System.Buffers;
using System.Globalization;
using System.Text;

namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>Python's characters: code points for lengths and indices, and its own definition of white space and digits.</summary>
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

    /// <summary>The UTF-16 offset of a code point; the text's length for the one after the last.</summary>
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

    /// <summary>Gets the range of a text that remains after characters are stripped from its ends; null strips white space.</summary>
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

/// <summary>Python's case mapping: Unicode's full mappings ('ß' becomes 'SS'), where .NET maps one code point to one.</summary>
internal static class Case
{
    // SpecialCasing.txt of the Unicode Character Database, unconditional mappings: code point, upper, title.
    private static readonly Dictionary<char, (string Upper, string Title)> Special = new()
    {
        ['ß'] = ("SS", "Ss"),
        ['ŉ'] = ("ʼN", "ʼN"),
        ['ǰ'] = ("J̌", "J̌"),
        ['ΐ'] = ("Ϊ́", "Ϊ́"),
        ['ΰ'] = ("Ϋ́", "Ϋ́"),
        ['և'] = ("ԵՒ", "Եւ"),
        ['ẖ'] = ("H̱", "H̱"),
        ['ẗ'] = ("T̈", "T̈"),
        ['ẘ'] = ("W̊", "W̊"),
        ['ẙ'] = ("Y̊", "Y̊"),
        ['ẚ'] = ("Aʾ", "Aʾ"),
        ['ﬀ'] = ("FF", "Ff"),
        ['ﬁ'] = ("FI", "Fi"),
        ['ﬂ'] = ("FL", "Fl"),
        ['ﬃ'] = ("FFI", "Ffi"),
        ['ﬄ'] = ("FFL", "Ffl"),
        ['ﬅ'] = ("ST", "St"),
        ['ﬆ'] = ("ST", "St"),
        ['ﬓ'] = ("ՄՆ", "Մն"),
        ['ﬔ'] = ("ՄԵ", "Մե"),
        ['ﬕ'] = ("ՄԻ", "Մի"),
        ['ﬖ'] = ("ՎՆ", "Վն"),
        ['ﬗ'] = ("ՄԽ", "Մխ"),
        ['ǆ'] = ("Ǆ", "ǅ"),
        ['ǅ'] = ("Ǆ", "ǅ"),
        ['Ǆ'] = ("Ǆ", "ǅ"),
        ['ǉ'] = ("Ǉ", "ǈ"),
        ['ǈ'] = ("Ǉ", "ǈ"),
        ['Ǉ'] = ("Ǉ", "ǈ"),
        ['ǌ'] = ("Ǌ", "ǋ"),
        ['ǋ'] = ("Ǌ", "ǋ"),
        ['Ǌ'] = ("Ǌ", "ǋ"),
        ['ǳ'] = ("Ǳ", "ǲ"),
        ['ǲ'] = ("Ǳ", "ǲ"),
        ['Ǳ'] = ("Ǳ", "ǲ"),
        ['ı'] = ("I", "I"),
    };

    public static string ToUpper(string text) => Map(text, title: false);

    /// <summary>The title case of every character of a text.</summary>
    public static string ToTitle(string text) => Map(text, title: true);

    /// <summary>Lower case from a UTF-16 offset on; a capital sigma that ends a word becomes a final sigma.</summary>
    public static string ToLower(string text, int start = 0)
    {
        if (Ascii.IsValid(text))
        {
            return start == 0 ? text.ToLowerInvariant() : text[start..].ToLowerInvariant();
        }

        var lower = new StringBuilder(text.Length);
        for (var at = start; at < text.Length;)
        {
            var units = Characters.UnitsAt(text, at);
            switch (text[at])
            {
                case 'Σ':
                    lower.Append(IsFinalSigma(text, at) ? 'ς' : 'σ');
                    break;
                case 'İ':
                    lower.Append("i̇");
                    break;
                default:
                    if (units == 1)
                    {
                        lower.Append(char.ToLowerInvariant(text[at]));
                    }
                    else
                    {
                        lower.Append(Rune.ToLowerInvariant(Characters.RuneAt(text, at)).ToString());
                    }

                    break;
            }

            at += units;
        }

        return lower.ToString();
    }

    public static bool IsCased(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter;

    private static string Map(string text, bool title)
    {
        if (Ascii.IsValid(text))
        {
            return text.ToUpperInvariant();
        }

        var upper = new StringBuilder(text.Length);
        for (var at = 0; at < text.Length;)
        {
            var units = Characters.UnitsAt(text, at);
            if (units == 1 && Special.TryGetValue(text[at], out var special))
            {
                upper.Append(title ? special.Title : special.Upper);
            }
            else if (units == 1)
            {
                upper.Append(char.ToUpperInvariant(text[at]));
            }
            else
            {
                upper.Append(Rune.ToUpperInvariant(Characters.RuneAt(text, at)).ToString());
            }

            at += units;
        }

        return upper.ToString();
    }

    private static bool IsFinalSigma(string text, int at)
    {
        var before = at - 1;
        while (before >= 0 && IsCaseIgnorable(text[before]))
        {
            before--;
        }

        if (before < 0 || !char.IsLetter(text[before]))
        {
            return false;
        }

        var after = at + 1;
        while (after < text.Length && IsCaseIgnorable(text[after]))
        {
            after++;
        }

        return after >= text.Length || !char.IsLetter(text[after]);
    }

    private static bool IsCaseIgnorable(char unit) =>
        unit is '\'' or '.' or ':' or '^' or '`' or '\u00ad' or '\u00b7' or '\u2019'
        || char.GetUnicodeCategory(unit) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.ModifierLetter
            or UnicodeCategory.Format or UnicodeCategory.ModifierSymbol;
}
