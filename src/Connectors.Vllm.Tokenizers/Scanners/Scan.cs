using System.Runtime.CompilerServices;

namespace Connectors.Vllm.Tokenizers.Scanners;

/// <summary>The common steps of the patterns. Text is valid UTF-8; <c>at</c> and <c>end</c> are offsets from its first byte.</summary>
internal static class Scan
{
    /// <summary>Skips characters in the given classes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int While(ref byte text, int at, int end, CharClass classes)
    {
        while (at < end && (CharClasses.Decode(ref Unsafe.Add(ref text, at), out var length) & classes) != 0)
        {
            at += length;
        }

        return at;
    }

    /// <summary>Skips characters that are in none of the given classes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int WhileNot(ref byte text, int at, int end, CharClass classes)
    {
        while (at < end && (CharClasses.Decode(ref Unsafe.Add(ref text, at), out var length) & classes) == 0)
        {
            at += length;
        }

        return at;
    }

    /// <summary>
    /// Gets the class of the character at a position; <see cref="CharClass.None"/> with <paramref name="exists"/> false at the end.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CharClass Peek(ref byte text, int at, int end, out bool exists, out int length)
    {
        exists = at < end;
        if (!exists)
        {
            length = 0;
            return CharClass.None;
        }

        return CharClasses.Decode(ref Unsafe.Add(ref text, at), out length);
    }

    /// <summary><c>'s|'t|'re|'ve|'m|'ll|'d</c> at an apostrophe: its length, or 0.</summary>
    public static int Contraction(ref byte text, int at, int end)
    {
        var left = end - at;
        if (left < 2)
        {
            return 0;
        }

        switch (Unsafe.Add(ref text, at + 1))
        {
            case (byte)'s' or (byte)'t' or (byte)'m' or (byte)'d':
                return 2;
            case (byte)'r' or (byte)'v' when left >= 3 && Unsafe.Add(ref text, at + 2) == 'e':
            case (byte)'l' when left >= 3 && Unsafe.Add(ref text, at + 2) == 'l':
                return 3;
            default:
                return 0;
        }
    }

    /// <summary>
    /// <c>(?i:'s|'t|'re|'ve|'m|'ll|'d)</c> at an apostrophe: its length in bytes, or 0. With case folding, U+017F (long s) equals s.
    /// </summary>
    public static int ContractionAnyCase(ref byte text, int at, int end)
    {
        var left = end - at;
        if (left < 2)
        {
            return 0;
        }

        var first = Unsafe.Add(ref text, at + 1);
        if (first == 0xC5)
        {
            return Unsafe.Add(ref text, at + 2) == 0xBF ? 3 : 0;
        }

        var second = left >= 3 ? Unsafe.Add(ref text, at + 2) | 0x20 : 0;
        return (first | 0x20) switch
        {
            's' or 't' or 'm' or 'd' => 2,
            'r' or 'v' when second == 'e' => 3,
            'l' when second == 'l' => 3,
            _ => 0,
        };
    }

    /// <summary>
    /// <c>\s*[\r\n]+|\s+(?!\S)|\s+</c> at a space: through the last line break of the run; else the whole run at the end of the text;
    /// else all but its last character, which goes to the next piece; a single character goes alone.
    /// </summary>
    public static int SpacesWithLineBreaks(ref byte text, int start, int end)
    {
        var at = start;
        var last = start;
        var afterBreak = 0;
        while (at < end)
        {
            var kind = CharClasses.Decode(ref Unsafe.Add(ref text, at), out var length);
            if ((kind & CharClass.Space) == 0)
            {
                break;
            }

            last = at;
            at += length;
            if ((kind & CharClass.LineBreak) != 0)
            {
                afterBreak = at;
            }
        }

        return afterBreak != 0 ? afterBreak : at == end || last == start ? at : last;
    }

    /// <summary><c>\s+(?!\S)|\s+</c> at a space.</summary>
    public static int Spaces(ref byte text, int start, int end)
    {
        var at = start;
        var last = start;
        while (at < end)
        {
            var kind = CharClasses.Decode(ref Unsafe.Add(ref text, at), out var length);
            if ((kind & CharClass.Space) == 0)
            {
                break;
            }

            last = at;
            at += length;
        }

        return at == end || last == start ? at : last;
    }

    /// <summary>Up to <paramref name="most"/> number characters.</summary>
    public static int Numbers(ref byte text, int at, int end, int most)
    {
        while (most-- > 0 && at < end && (CharClasses.Decode(ref Unsafe.Add(ref text, at), out var length) & CharClass.Number) != 0)
        {
            at += length;
        }

        return at;
    }

    /// <summary>Line breaks, and one more ASCII character when it is not 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Tail(ref byte text, int at, int end, byte extra)
    {
        while (at < end && Unsafe.Add(ref text, at) is var value && (value is (byte)'\r' or (byte)'\n' || (extra != 0 && value == extra)))
        {
            at++;
        }

        return at;
    }
}

/// <summary>
/// A hand-written implementation of a pre-tokenizer pattern, which finds the end of a piece. Used as a type parameter, so that each pattern gets its
/// own compiled loop.
/// </summary>
internal interface IPieceScanner
{
    /// <summary>Gets the end of the piece that begins at <paramref name="start"/>; greater than start, at most end.</summary>
    /// <param name="text">The first byte of the segment; valid UTF-8.</param>
    /// <param name="start">Where the piece begins.</param>
    /// <param name="end">Where the segment ends.</param>
    /// <param name="limit"> For patterns that are several consecutive Splits: the end of the current part of the earlier Splits, which this piece and
    /// its look-ahead must not cross. Updated by the scanner; initially 0. </param>
    static abstract int Next(ref byte text, int start, int end, ref int limit);
}
