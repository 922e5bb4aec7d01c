using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.Scanners;

/// <summary>
/// Gets the <see cref="CharClass"/> of code points (the reference regex engine's classes, Unicode 16): a flat table for the basic plane, sorted runs
/// for the others.
/// </summary>
internal static class CharClasses
{
    private static readonly (CharClass[] Basic, int[] Starts, CharClass[] Classes) Supplementary = Create();
    private static readonly CharClass[] BasicPlane = Supplementary.Basic;

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
        : OfSupplementary(codePoint);

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

    /// <summary>Gets the class of a supplementary code point from the sorted runs.</summary>
    private static CharClass OfSupplementary(int codePoint)
    {
        var index = Array.BinarySearch(Supplementary.Starts, codePoint);
        return Supplementary.Classes[index >= 0 ? index : ~index - 1];
    }

    /// <summary>Creates the classes from the table of general categories (runs of length and category).</summary>
    private static (CharClass[] Basic, int[] Starts, CharClass[] Classes) Create()
    {
        var basic = new CharClass[0x10000];
        List<int> starts = [];
        List<CharClass> classes = [];
        var reader = new VarintReader(VarintReader.Decode(UnicodeData.Categories));
        for (var start = 0; !reader.AtEnd;)
        {
            var end = start + reader.Next();
            var kind = OfCategory((UnicodeCategory)reader.Next());
            if (start < basic.Length)
            {
                basic.AsSpan(start, Math.Min(end, basic.Length) - start).Fill(kind);
            }

            if (end > basic.Length)
            {
                starts.Add(Math.Max(start, basic.Length));
                classes.Add(kind);
            }

            start = end;
        }

        foreach (var (first, last) in UnicodeSets.WhiteSpace.Ranges)
        {
            Mark(basic, first, last, CharClass.Space);
        }

        Mark(basic, '\r', '\r', CharClass.LineBreak);
        Mark(basic, '\n', '\n', CharClass.LineBreak);
        Mark(basic, 0x4E00, 0x9FA5, CharClass.DeepSeekCjk);
        Mark(basic, 0x3040, 0x30FF, CharClass.DeepSeekCjk);
        return Refine(basic, starts, classes);
    }

    /// <summary>Adds the classes that are not categories, Han and the numbers of the Digits pre-tokenizer, which may split runs.</summary>
    private static (CharClass[] Basic, int[] Starts, CharClass[] Classes) Refine(CharClass[] basic, List<int> starts, List<CharClass> classes)
    {
        var extra = new List<(int First, int Last, CharClass Kind)>();
        for (var i = 0; i < HanRanges.Length; i += 2)
        {
            extra.Add((HanRanges[i], HanRanges[i + 1], CharClass.Han));
        }

        extra.AddRange(UnicodeSets.Numeric.Ranges.Select(range => (range.First, range.Last, CharClass.Numeric)));
        var borders = new SortedSet<int>(starts);
        foreach (var (first, last, kind) in extra)
        {
            Mark(basic, first, Math.Min(last, basic.Length - 1), kind);
            if (last >= basic.Length)
            {
                borders.Add(Math.Max(first, basic.Length));
                borders.Add(last + 1);
            }
        }

        var cuts = borders.ToArray();
        var result = new CharClass[cuts.Length];
        for (int i = 0, run = 0; i < cuts.Length; i++)
        {
            while (run + 1 < starts.Count && starts[run + 1] <= cuts[i])
            {
                run++;
            }

            result[i] = classes[run];
            foreach (var (first, last, kind) in extra)
            {
                result[i] |= cuts[i] >= first && cuts[i] <= last ? kind : CharClass.None;
            }
        }

        return (basic, cuts, result);
    }

    private static void Mark(CharClass[] classes, int first, int last, CharClass kind)
    {
        for (var codePoint = first; codePoint <= last; codePoint++)
        {
            classes[codePoint] |= kind;
        }
    }

    private static CharClass OfCategory(UnicodeCategory category) => category switch
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
        UnicodeCategory.MathSymbol or UnicodeCategory.CurrencySymbol => CharClass.Symbol,
        UnicodeCategory.ModifierSymbol or UnicodeCategory.OtherSymbol => CharClass.Symbol,
        _ => CharClass.None,
    };
}

/// <summary>The classes of code points used in pre-tokenizer patterns.</summary>
[Flags]
internal enum CharClass : ushort
{
    None = 0,

    /// <summary><c>\p{L}</c></summary>
    Letter = 1,

    /// <summary><c>\p{M}</c></summary>
    Mark = 2,

    /// <summary><c>\p{N}</c></summary>
    Number = 4,

    /// <summary><c>\p{P}</c></summary>
    Punctuation = 8,

    /// <summary><c>\p{S}</c></summary>
    Symbol = 16,

    /// <summary><c>\s</c></summary>
    Space = 32,

    /// <summary>CR or LF, which are spaces too.</summary>
    LineBreak = 64,

    /// <summary><c>[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]</c></summary>
    Upper = 128,

    /// <summary><c>[\p{Ll}\p{Lm}\p{Lo}\p{M}]</c></summary>
    Lower = 256,

    /// <summary><c>\p{Han}</c> (a script, not a category)</summary>
    Han = 512,

    /// <summary>DeepSeek's <c>[一-龥぀-ゟ゠-ヿ]</c></summary>
    DeepSeekCjk = 1024,

    /// <summary>The numbers of the Digits pre-tokenizer (a newer Unicode version than <c>\p{N}</c>).</summary>
    Numeric = 2048,
}
