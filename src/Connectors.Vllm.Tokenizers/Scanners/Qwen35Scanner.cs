namespace Connectors.Vllm.Tokenizers;

/// <summary>Qwen 3.5: <c>[\p{L}\p{M}]+</c> and <c>[^\s\p{L}\p{M}\p{N}]+</c>.</summary>
internal readonly struct Qwen35Scanner : IPieceScanner
{
    public static int Next(ref byte text, int start, int end, ref int limit) =>
        Cl100kFamily.Next(ref text, start, end, CharClass.Letter | CharClass.Mark, 1);
}
