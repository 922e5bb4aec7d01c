using System.Runtime.CompilerServices;

namespace Connectors.Vllm.Tokenizers;

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

/// <summary>The Digits pre-tokenizer with single digits, then GPT-2.</summary>
internal readonly struct DigitsGpt2Scanner : IPieceScanner
{
    public static int Next(ref byte text, int start, int end, ref int limit) => DigitsGpt2Family.Next(ref text, start, end, ref limit, CharClass.Numeric);
}

/// <summary>A Split at <c>\p{N}</c>, then GPT-2.</summary>
internal readonly struct NumbersGpt2Scanner : IPieceScanner
{
    public static int Next(ref byte text, int start, int end, ref int limit) => DigitsGpt2Family.Next(ref text, start, end, ref limit, CharClass.Number);
}
