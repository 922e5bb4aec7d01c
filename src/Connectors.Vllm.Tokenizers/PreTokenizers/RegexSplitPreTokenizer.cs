namespace Connectors.Vllm.Tokenizers;

/// <summary>The pre-tokenizers Split and Whitespace: cuts at the matches of a pattern.</summary>
internal sealed class RegexSplitPreTokenizer(RegexProgram pattern, SplitBehavior behavior, bool invert) : PreTokenizer
{
    public override void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output)
    {
        var spans = SplitSpans.Rent();
        var matches = new RegexMatches(pattern, piece);
        while (matches.MoveNext(piece))
        {
            spans.AddMatch(matches.Start, matches.End);
        }

        matches.Dispose();
        spans.Finish(piece, behavior, invert, atTextStart, output);
        spans.Return();
    }
}
