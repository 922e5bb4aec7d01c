using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Connectors.Vllm.Tokenizers;

/// <summary>Looks up the <see cref="CharClass"/> of code points: a flat table for the basic plane, computed for the others.</summary>
internal static class CharClasses
{
    private static readonly CharClass[] BasicPlane = CreateBasicPlane();

    /// <summary>Ranges of the Han script, first and last code points in turn (Unicode 16, Scripts.txt).</summary>
    private static ReadOnlySpan<int> HanRanges =>
    [
        0x2E80, 0x2E99, 0x2E9B, 0x2EF3, 0x2F00, 0x2FD5, 0x3005, 0x3005, 0x3007, 0x3007, 0x3021, 0x3029, 0x3038, 0x303B, 0x3400, 0x4DBF,
        0x4E00, 0x9FFF, 0xF900, 0xFA6D, 0xFA70, 0xFAD9, 0x16FE2, 0x16FE3, 0x16FF0, 0x16FF1, 0x20000, 0x2A6DF, 0x2A700, 0x2B739,
        0x2B740, 0x2B81D, 0x2B820, 0x2CEA1, 0x2CEB0, 0x2EBE0, 0x2EBF0, 0x2EE5D, 0x2F800, 0x2FA1D, 0x30000, 0x3134A, 0x31350, 0x323AF,
    ];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CharClass Of(int codePoint) => (uint)codePoint < 0x10000
        ? Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(BasicPlane), codePoint)
        : Compute(codePoint);

    /// <summary>The class of the character at <paramref name="at"/>, which must be the first byte of valid UTF-8, and its length in bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CharClass Decode(ref byte at, out int length)
    {
        int first = at;
        if (first < 0x80)
        {
            length = 1;
            return Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(BasicPlane), first);
        }

        return DecodeLong(ref at, first, out length);
    }

    private static CharClass DecodeLong(ref byte at, int first, out int length)
    {
        if (first < 0xE0)
        {
            length = 2;
            return Of((first & 0x1F) << 6 | (Unsafe.Add(ref at, 1) & 0x3F));
        }

        if (first < 0xF0)
        {
            length = 3;
            return Of((first & 0x0F) << 12 | (Unsafe.Add(ref at, 1) & 0x3F) << 6 | (Unsafe.Add(ref at, 2) & 0x3F));
        }

        length = 4;
        return Of((first & 0x07) << 18 | (Unsafe.Add(ref at, 1) & 0x3F) << 12 | (Unsafe.Add(ref at, 2) & 0x3F) << 6 | (Unsafe.Add(ref at, 3) & 0x3F));
    }

    private static CharClass[] CreateBasicPlane()
    {
        var classes = new CharClass[0x10000];
        for (var codePoint = 0; codePoint < classes.Length; codePoint++)
        {
            classes[codePoint] = Compute(codePoint);
        }

        return classes;
    }

    private static CharClass Compute(int codePoint)
    {
        var result = CharUnicodeInfo.GetUnicodeCategory(codePoint) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter => CharClass.Letter | CharClass.Upper,
            UnicodeCategory.LowercaseLetter => CharClass.Letter | CharClass.Lower,
            UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => CharClass.Letter | CharClass.Upper | CharClass.Lower,
            UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark =>
                CharClass.Mark | CharClass.Upper | CharClass.Lower,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => CharClass.Number,
            UnicodeCategory.ConnectorPunctuation or UnicodeCategory.DashPunctuation or UnicodeCategory.OpenPunctuation
                or UnicodeCategory.ClosePunctuation or UnicodeCategory.InitialQuotePunctuation or UnicodeCategory.FinalQuotePunctuation
                or UnicodeCategory.OtherPunctuation => CharClass.Punctuation,
            UnicodeCategory.MathSymbol or UnicodeCategory.CurrencySymbol or UnicodeCategory.ModifierSymbol or UnicodeCategory.OtherSymbol =>
                CharClass.Symbol,
            UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator => CharClass.Space,
            _ => CharClass.None,
        };

        if (codePoint is (>= 9 and <= 13) or 0x85)
        {
            result |= CharClass.Space;
        }

        if (codePoint is '\r' or '\n')
        {
            result |= CharClass.LineBreak;
        }

        if (codePoint is (>= 0x4E00 and <= 0x9FA5) or (>= 0x3040 and <= 0x30FF))
        {
            result |= CharClass.DeepSeekCjk;
        }

        return IsHan(codePoint) ? result | CharClass.Han : result;
    }

    private static bool IsHan(int codePoint)
    {
        var ranges = HanRanges;
        for (var i = 0; i < ranges.Length; i += 2)
        {
            if (codePoint <= ranges[i + 1])
            {
                return codePoint >= ranges[i];
            }
        }

        return false;
    }
}
