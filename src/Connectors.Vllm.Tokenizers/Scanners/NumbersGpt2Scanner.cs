namespace Connectors.Vllm.Tokenizers;

/// <summary>A Split at <c>\p{N}</c>, then GPT-2.</summary>
internal readonly struct NumbersGpt2Scanner : IPieceScanner
{
    public static int Next(ref byte text, int start, int end, ref int limit) => DigitsGpt2Family.Next(ref text, start, end, ref limit, CharClass.Number);
}
