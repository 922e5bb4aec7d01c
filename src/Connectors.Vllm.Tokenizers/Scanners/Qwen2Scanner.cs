namespace Connectors.Vllm.Tokenizers;

/// <summary>Qwen 2, 2.5, 3.</summary>
internal readonly struct Qwen2Scanner : IPieceScanner
{
    public static int Next(ref byte text, int start, int end, ref int limit) => Cl100kFamily.Next(ref text, start, end, CharClass.Letter, 1);
}
