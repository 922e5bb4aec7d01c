namespace Connectors.Vllm.Tokenizers;

/// <summary>o200k: gpt-oss, gpt-4o, Llama 4.</summary>
internal readonly struct O200kScanner : IPieceScanner
{
    public static int Next(ref byte text, int start, int end, ref int limit) => O200kFamily.Next(ref text, start, end, true, 3, (byte)'/', false);
}
