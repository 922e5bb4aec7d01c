using System.Runtime.CompilerServices;

namespace Connectors.Vllm.Tokenizers.Scanners;

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

/// <summary>Kimi K2: <c>[\p{Han}]+</c> first, no Han in words, no slash behind punctuation.</summary>
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
    /// match ends behind it. 0 when it does not match.
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
