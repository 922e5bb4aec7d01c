using System.Globalization;

namespace Connectors.Vllm.ChatTemplates;

/// <summary>Python identifiers.</summary>
internal static class Identifier
{
    public static bool IsStart(char unit) => char.IsAsciiLetter(unit) || unit == '_'
        || (unit >= 0x80 && char.GetUnicodeCategory(unit) is (UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter
            or UnicodeCategory.TitlecaseLetter or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter or UnicodeCategory.LetterNumber));

    public static bool IsPart(char unit) => IsStart(unit) || char.IsAsciiDigit(unit)
        || (unit >= 0x80 && char.GetUnicodeCategory(unit) is (UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
            or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.ConnectorPunctuation));

    public static bool IsValid(string text)
    {
        if (text.Length == 0 || !IsStart(text[0]))
        {
            return false;
        }

        foreach (var unit in text)
        {
            if (!IsPart(unit))
            {
                return false;
            }
        }

        return true;
    }
}
