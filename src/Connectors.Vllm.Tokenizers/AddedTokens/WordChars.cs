using System.Globalization;
using System.Text;

namespace Connectors.Vllm.Tokenizers;

/// <summary>The character tests of added tokens: <c>\w</c> and <c>\s</c> as Unicode's regex annex (UTS 18) defines them.</summary>
internal static class WordChars
{
    public static bool EndsWithWord(ReadOnlySpan<byte> text) =>
        Rune.DecodeLastFromUtf8(text, out var rune, out _) == System.Buffers.OperationStatus.Done && IsWord(rune.Value);

    public static bool BeginsWithWord(ReadOnlySpan<byte> text) =>
        Rune.DecodeFromUtf8(text, out var rune, out _) == System.Buffers.OperationStatus.Done && IsWord(rune.Value);

    /// <summary>Length of the text without the white space at its end.</summary>
    public static int TrimEnd(ReadOnlySpan<byte> text)
    {
        while (Rune.DecodeLastFromUtf8(text, out var rune, out var length) == System.Buffers.OperationStatus.Done && IsSpace(rune.Value))
        {
            text = text[..^length];
        }

        return text.Length;
    }

    /// <summary>Length of the text without the white space at its start.</summary>
    public static int TrimStart(ReadOnlySpan<byte> text)
    {
        while (Rune.DecodeFromUtf8(text, out var rune, out var length) == System.Buffers.OperationStatus.Done && IsSpace(rune.Value))
        {
            text = text[length..];
        }

        return text.Length;
    }

    /// <summary>Alphabetic, mark, decimal digit, connector punctuation, join control.</summary>
    public static bool IsWord(int codePoint) => CharUnicodeInfo.GetUnicodeCategory(codePoint) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter or UnicodeCategory.ModifierLetter
            or UnicodeCategory.OtherLetter or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
            or UnicodeCategory.EnclosingMark or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber
            or UnicodeCategory.ConnectorPunctuation => true,
        // Circled and squared letters are symbols that count as alphabetic.
        UnicodeCategory.OtherSymbol => codePoint is (>= 0x24B6 and <= 0x24E9) or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169)
            or (>= 0x1F170 and <= 0x1F189),
        _ => codePoint is 0x200C or 0x200D,
    };

    private static bool IsSpace(int codePoint) => (CharClasses.Of(codePoint) & CharClass.Space) != 0;
}
