namespace Connectors.Vllm.Tokenizers;

/// <summary>cl100k and Llama 3.</summary>
internal readonly struct Cl100kScanner : IPieceScanner
{
    public static int Next(ref byte text, int start, int end, ref int limit) => Cl100kFamily.Next(ref text, start, end, CharClass.Letter, 3);
}
