namespace Connectors.Vllm.Tokenizers;

/// <summary>The Digits pre-tokenizer with single digits, then GPT-2.</summary>
internal readonly struct DigitsGpt2Scanner : IPieceScanner
{
    public static int Next(ref byte text, int start, int end, ref int limit) => DigitsGpt2Family.Next(ref text, start, end, ref limit, CharClass.Numeric);
}
