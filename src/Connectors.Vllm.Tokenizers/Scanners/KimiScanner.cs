namespace Connectors.Vllm.Tokenizers;

/// <summary>Kimi K2: <c>[\p{Han}]+</c> first, no Han in words, no slash behind punctuation.</summary>
internal readonly struct KimiScanner : IPieceScanner
{
    public static int Next(ref byte text, int start, int end, ref int limit) => O200kFamily.Next(ref text, start, end, true, 3, 0, true);
}
