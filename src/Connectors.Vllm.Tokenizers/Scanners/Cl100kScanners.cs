using System.Runtime.CompilerServices;

namespace Connectors.Vllm.Tokenizers.Scanners;

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
