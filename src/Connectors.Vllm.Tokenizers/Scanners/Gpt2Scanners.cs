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

/// <summary>Every number character alone, and GPT-2's pattern on what lies between.</summary>
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
