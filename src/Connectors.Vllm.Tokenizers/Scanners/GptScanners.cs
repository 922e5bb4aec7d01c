using System.Runtime.CompilerServices;

namespace Connectors.Vllm.Tokenizers.Scanners;

/// <summary><c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c></summary>
internal readonly struct Gpt2Scanner : IPieceScanner
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Next(ref byte text, int start, int end, ref int limit) => Next(ref text, start, end);

    public static int Next(ref byte text, int start, int end)
    {
        var first = Unsafe.Add(ref text, start);
        if (first == '\'' && Scan.Contraction(ref text, start, end) is > 0 and var contraction)
        {
            return start + contraction;
        }

        var at = start;
        var kind = CharClasses.Decode(ref Unsafe.Add(ref text, at), out var length);
        if (first == ' ' && at + 1 < end)
        {
            var next = CharClasses.Decode(ref Unsafe.Add(ref text, at + 1), out var nextLength);
            if ((next & CharClass.Space) == 0)
            {
                at++;
                kind = next;
                length = nextLength;
            }
        }

        at += length;
        return (kind & (CharClass.Letter | CharClass.Number | CharClass.Space)) switch
        {
            CharClass.Letter => Scan.While(ref text, at, end, CharClass.Letter),
            CharClass.Number => Scan.While(ref text, at, end, CharClass.Number),
            CharClass.None => Scan.WhileNot(ref text, at, end, CharClass.Letter | CharClass.Number | CharClass.Space),
            _ => Scan.Spaces(ref text, start, end),
        };
    }
}

/// <summary>The Digits pre-tokenizer with single digits, then GPT-2.</summary>
internal readonly struct DigitsGpt2Scanner : IPieceScanner
{
    public static int Next(ref byte text, int start, int end, ref int limit) =>
        DigitsGpt2Family.Next(ref text, start, end, ref limit, CharClass.Numeric);
}

/// <summary>A Split at <c>\p{N}</c>, then GPT-2.</summary>
internal readonly struct NumbersGpt2Scanner : IPieceScanner
{
    public static int Next(ref byte text, int start, int end, ref int limit) =>
        DigitsGpt2Family.Next(ref text, start, end, ref limit, CharClass.Number);
}

/// <summary>Splits every number character, and applies GPT-2's pattern to the text between.</summary>
internal static class DigitsGpt2Family
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Next(ref byte text, int start, int end, ref int limit, CharClass digits)
    {
        if (start >= limit)
        {
            if ((CharClasses.Decode(ref Unsafe.Add(ref text, start), out var length) & digits) != 0)
            {
                return start + length;
            }

            limit = Scan.WhileNot(ref text, start + length, end, digits);
        }

        return Gpt2Scanner.Next(ref text, start, limit);
    }
}

/// <summary>cl100k and Llama 3.</summary>
internal readonly struct Cl100kScanner : IPieceScanner
{
    public static int Next(ref byte text, int start, int end, ref int limit) => Cl100kFamily.Next(ref text, start, end, CharClass.Letter, 3);
}

/// <summary>Qwen 2, 2.5, 3.</summary>
internal readonly struct Qwen2Scanner : IPieceScanner
{
    public static int Next(ref byte text, int start, int end, ref int limit) => Cl100kFamily.Next(ref text, start, end, CharClass.Letter, 1);
}

/// <summary>Qwen 3.5: <c>[\p{L}\p{M}]+</c> and <c>[^\s\p{L}\p{M}\p{N}]+</c>.</summary>
internal readonly struct Qwen35Scanner : IPieceScanner
{
    public static int Next(ref byte text, int start, int end, ref int limit) =>
        Cl100kFamily.Next(ref text, start, end, CharClass.Letter | CharClass.Mark, 1);
}

/// <summary>
/// <c>(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>, and its
/// relatives that differ in how many number characters go together and in whether marks belong to words.
/// </summary>
internal static class Cl100kFamily
{
    /// <param name="text">First byte of the segment.</param>
    /// <param name="start">Where the piece begins.</param>
    /// <param name="end">Where the segment ends.</param>
    /// <param name="word">The classes a word is made of: letters, or letters and marks.</param>
    /// <param name="numbers">How many number characters go together.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Next(ref byte text, int start, int end, CharClass word, int numbers)
    {
        var first = Unsafe.Add(ref text, start);
        if (first == '\'' && Scan.ContractionAnyCase(ref text, start, end) is > 0 and var contraction)
        {
            return start + contraction;
        }

        var kind = CharClasses.Decode(ref Unsafe.Add(ref text, start), out var length);
        var at = start + length;
        if ((kind & word) != 0)
        {
            return Scan.While(ref text, at, end, word);
        }

        if ((kind & CharClass.Number) != 0)
        {
            return numbers == 1 ? at : Scan.Numbers(ref text, at, end, numbers - 1);
        }

        var next = Scan.Peek(ref text, at, end, out var exists, out var nextLength);
        if ((next & word) != 0 && (kind & CharClass.LineBreak) == 0)
        {
            return Scan.While(ref text, at + nextLength, end, word);
        }

        var closed = word | CharClass.Number | CharClass.Space;
        if ((kind & CharClass.Space) == 0)
        {
            return Scan.Tail(ref text, Scan.WhileNot(ref text, at, end, closed), end, 0);
        }

        return first == ' ' && exists && (next & closed) == 0
            ? Scan.Tail(ref text, Scan.WhileNot(ref text, at + nextLength, end, closed), end, 0)
            : Scan.SpacesWithLineBreaks(ref text, start, end);
    }
}

/// <summary>o200k: gpt-oss, gpt-4o, Llama 4.</summary>
internal readonly struct O200kScanner : IPieceScanner
{
    public static int Next(ref byte text, int start, int end, ref int limit) => O200kFamily.Next(ref text, start, end, true, 3, (byte)'/', false);
}

/// <summary>tekken: no contractions, single number characters.</summary>
internal readonly struct TekkenScanner : IPieceScanner
{
    public static int Next(ref byte text, int start, int end, ref int limit) => O200kFamily.Next(ref text, start, end, false, 1, (byte)'/', false);
}

/// <summary>Kimi K2: <c>[\p{Han}]+</c> first, no Han in words, no slash after punctuation.</summary>
internal readonly struct KimiScanner : IPieceScanner
{
    public static int Next(ref byte text, int start, int end, ref int limit) => O200kFamily.Next(ref text, start, end, true, 3, 0, true);
}

/// <summary>
/// <c>P?U*W+C?|P?U+W*C?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+</c> with P = <c>[^\r\n\p{L}\p{N}]</c>,
/// U = <c>[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]</c>, W = <c>[\p{Ll}\p{Lm}\p{Lo}\p{M}]</c>, C = the contractions in any case.
/// </summary>
internal static class O200kFamily
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Next(ref byte text, int start, int end, bool contractions, int numbers, byte tail, bool han)
    {
        var first = Unsafe.Add(ref text, start);
        var kind = CharClasses.Decode(ref Unsafe.Add(ref text, start), out var length);
        var at = start + length;
        if (han && (kind & CharClass.Han) != 0)
        {
            return Scan.While(ref text, at, end, CharClass.Han);
        }

        if ((kind & CharClass.Number) != 0)
        {
            return numbers == 1 ? at : Scan.Numbers(ref text, at, end, numbers - 1);
        }

        var wordEnd = 0;
        if ((kind & CharClass.Letter) != 0)
        {
            wordEnd = FirstForm(ref text, start, end, han);
            wordEnd = wordEnd != 0 ? wordEnd : SecondForm(ref text, start, end, han);
        }
        else if ((kind & CharClass.LineBreak) == 0)
        {
            // The optional character before the word is taken first and given back if no word follows (it may be a mark, which can begin one).
            var markFirst = (kind & CharClass.Mark) != 0;
            wordEnd = FirstForm(ref text, at, end, han);
            wordEnd = wordEnd == 0 && markFirst ? FirstForm(ref text, start, end, han) : wordEnd;
            wordEnd = wordEnd == 0 ? SecondForm(ref text, at, end, han) : wordEnd;
            wordEnd = wordEnd == 0 && markFirst ? SecondForm(ref text, start, end, han) : wordEnd;
        }

        if (wordEnd != 0)
        {
            return contractions && wordEnd < end && Unsafe.Add(ref text, wordEnd) == '\''
                ? wordEnd + Scan.ContractionAnyCase(ref text, wordEnd, end)
                : wordEnd;
        }

        const CharClass Closed = CharClass.Letter | CharClass.Number | CharClass.Space;
        if ((kind & CharClass.Space) == 0)
        {
            return Scan.Tail(ref text, Scan.WhileNot(ref text, at, end, Closed), end, tail);
        }

        var next = Scan.Peek(ref text, at, end, out var exists, out var nextLength);
        return first == ' ' && exists && (next & Closed) == 0
            ? Scan.Tail(ref text, Scan.WhileNot(ref text, at + nextLength, end, Closed), end, tail)
            : Scan.SpacesWithLineBreaks(ref text, start, end);
    }

    /// <summary>
    /// <c>U*W+</c>: the capitals, then small letters. When none follow, W+ gets back the last character that is in both classes, and the
    /// match ends after it. 0 when it does not match.
    /// </summary>
    private static int FirstForm(ref byte text, int at, int end, bool han)
    {
        var afterBoth = 0;
        while (at < end)
        {
            var kind = CharClasses.Decode(ref Unsafe.Add(ref text, at), out var length);
            if (han && (kind & CharClass.Han) != 0)
            {
                break;
            }

            if ((kind & CharClass.Upper) == 0)
            {
                if ((kind & CharClass.Lower) == 0)
                {
                    break;
                }

                return Lowers(ref text, at + length, end, han);
            }

            at += length;
            afterBoth = (kind & CharClass.Lower) != 0 ? at : afterBoth;
        }

        return afterBoth;
    }

    /// <summary><c>U+W*</c>, only asked when <c>U*W+</c> did not match, so no W follows. 0 when it does not match.</summary>
    private static int SecondForm(ref byte text, int start, int end, bool han)
    {
        var at = start;
        while (at < end)
        {
            var kind = CharClasses.Decode(ref Unsafe.Add(ref text, at), out var length);
            if ((kind & CharClass.Upper) == 0 || (han && (kind & CharClass.Han) != 0))
            {
                break;
            }

            at += length;
        }

        return at == start ? 0 : at;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Lowers(ref byte text, int at, int end, bool han)
    {
        while (at < end)
        {
            var kind = CharClasses.Decode(ref Unsafe.Add(ref text, at), out var length);
            if ((kind & CharClass.Lower) == 0 || (han && (kind & CharClass.Han) != 0))
            {
                break;
            }

            at += length;
        }

        return at;
    }
}
