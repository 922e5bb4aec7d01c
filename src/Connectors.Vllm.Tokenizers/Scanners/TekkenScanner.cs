namespace Connectors.Vllm.Tokenizers;

/// <summary>tekken: no contractions, single number characters.</summary>
internal readonly struct TekkenScanner : IPieceScanner
{
    public static int Next(ref byte text, int start, int end, ref int limit) => O200kFamily.Next(ref text, start, end, false, 1, (byte)'/', false);
}
