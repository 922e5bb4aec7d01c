namespace Connectors.Vllm.Tokenizers;

/// <summary>The pre-tokenizers Split and Whitespace: cuts at the matches of a pattern.</summary>
internal sealed class RegexSplitPreTokenizer(RegexProgram pattern, SplitBehavior behavior, bool invert) : PreTokenizer
{
    public override void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output)
    {
        if (behavior == SplitBehavior.Isolated)
        {
            Isolate(piece, atTextStart, output);
            return;
        }

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

    /// <summary>Every match and every gap is a piece: nothing to collect first.</summary>
    private void Isolate(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output)
    {
        if (output.Count == 0)
        {
            output.AtTextStart = atTextStart;
        }

        using var matches = new RegexMatches(pattern, piece);
        var end = 0;
        while (matches.MoveNext(piece))
        {
            if (matches.Start > end)
            {
                output.Add(piece[end..matches.Start]);
            }

            output.Add(piece[matches.Start..matches.End]);
            end = matches.End;
        }

        output.Add(piece[end..]);
    }
}
