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
