using System.Globalization;
using System.Text;

namespace Connectors.Vllm.ChatTemplates.Values;

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
