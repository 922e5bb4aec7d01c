namespace Connectors.Vllm.Tokenizers;

/// <summary>Split with a String pattern: cuts at every occurrence of a text.</summary>
internal sealed class LiteralSplitPreTokenizer(byte[] literal, SplitBehavior behavior, bool invert) : PreTokenizer
{
    public override void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output)
    {
        var spans = SplitSpans.Rent();
        for (var position = 0; piece[position..].IndexOf(literal) is var found and >= 0;)
        {
            position += found + literal.Length;
            spans.AddMatch(position - literal.Length, position);
        }

        spans.Finish(piece, behavior, invert, atTextStart, output);
        spans.Return();
    }
}
