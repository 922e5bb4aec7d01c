using System.Runtime.CompilerServices;

namespace Connectors.Vllm.Tokenizers;

/// <summary>Every number character alone, and GPT-2's pattern on what lies between.</summary>
internal readonly struct DigitsGpt2Scanner : IPieceScanner
{
    public static int Next(ref byte text, int start, int end, ref int limit)
    {
        if (start >= limit)
        {
            if ((CharClasses.Decode(ref Unsafe.Add(ref text, start), out var length) & CharClass.Number) != 0)
            {
                return start + length;
            }

            limit = Scan.WhileNot(ref text, start + length, end, CharClass.Number);
        }

        return Gpt2Scanner.Next(ref text, start, limit);
    }
}
