using System.Runtime.CompilerServices;

namespace Connectors.Vllm.Tokenizers.Scanners;

/// <summary>
/// Three consecutive Splits: <c>\p{N}{1,3}</c>; <c>[一-龥぀-ゟ゠-ヿ]+</c>; and <c>[!-/:-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|
/// ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</c> (the first class is ASCII punctuation). The last pattern leaves gaps (control characters),
/// which are pieces too.
/// </summary>
internal readonly struct DeepSeekV3Scanner : IPieceScanner
{
    private const CharClass Word = CharClass.Letter | CharClass.Mark;
    private const CharClass PunctuationOrSymbol = CharClass.Punctuation | CharClass.Symbol;

    public static int Next(ref byte text, int start, int end, ref int limit)
    {
        if (start >= limit)
        {
            var kind = CharClasses.Decode(ref Unsafe.Add(ref text, start), out var length);
            if ((kind & CharClass.Number) != 0)
            {
                return Scan.Numbers(ref text, start + length, end, 2);
            }

            limit = (kind & CharClass.DeepSeekCjk) != 0
                ? Scan.While(ref text, start + length, end, CharClass.DeepSeekCjk)
                : Scan.WhileNot(ref text, start + length, end, CharClass.DeepSeekCjk | CharClass.Number);
        }

        return NextInPart(ref text, start, limit);
    }

    private static int NextInPart(ref byte text, int start, int end)
    {
        var first = Unsafe.Add(ref text, start);
        var kind = CharClasses.Decode(ref Unsafe.Add(ref text, start), out var length);
        var at = start + length;
        if (first < 0x80 && (kind & PunctuationOrSymbol) != 0 && at < end && IsAsciiLetter(Unsafe.Add(ref text, at)))
        {
            while (++at < end && IsAsciiLetter(Unsafe.Add(ref text, at)))
            {
            }

            return at;
        }

        var next = Scan.Peek(ref text, at, end, out var exists, out var nextLength);
        if ((kind & Word) != 0)
        {
            return Scan.While(ref text, at, end, Word);
        }

        if ((kind & (CharClass.LineBreak | PunctuationOrSymbol)) == 0 && (next & Word) != 0)
        {
            return Scan.While(ref text, at + nextLength, end, Word);
        }

        if ((kind & PunctuationOrSymbol) != 0)
        {
            return Scan.Tail(ref text, Scan.While(ref text, at, end, PunctuationOrSymbol), end, 0);
        }

        if (first == ' ' && (next & PunctuationOrSymbol) != 0)
        {
            return Scan.Tail(ref text, Scan.While(ref text, at + nextLength, end, PunctuationOrSymbol), end, 0);
        }

        return (kind & CharClass.Space) != 0 ? Scan.SpacesWithLineBreaks(ref text, start, end) : Gap(ref text, at, end, next, exists, nextLength);
    }

    /// <summary>Skips characters at which nothing can match, neither as a match of their own nor before a word.</summary>
    private static int Gap(ref byte text, int at, int end, CharClass kind, bool exists, int length)
    {
        while (exists && (kind & (Word | PunctuationOrSymbol | CharClass.Space)) == 0)
        {
            var next = Scan.Peek(ref text, at + length, end, out var nextExists, out var nextLength);
            if ((next & Word) != 0)
            {
                break;
            }

            at += length;
            (kind, exists, length) = (next, nextExists, nextLength);
        }

        return at;
    }

    private static bool IsAsciiLetter(byte value) => (uint)((value | 0x20) - 'a') < 26;
}
