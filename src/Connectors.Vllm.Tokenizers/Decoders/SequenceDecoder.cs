namespace Connectors.Vllm.Tokenizers;

/// <summary>Several decoders in a row.</summary>
internal sealed class SequenceDecoder(IReadOnlyList<Decoder> parts) : Decoder
{
    public override void Decode(List<string> tokens)
    {
        foreach (var part in parts)
        {
            part.Decode(tokens);
        }
    }
}
