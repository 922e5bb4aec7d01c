namespace Connectors.Vllm.Tokenizers;

/// <summary>The pre-tokenizer Bert: white space goes, punctuation stands alone.</summary>
internal sealed class BertPreTokenizer : PreTokenizer
{
    public override void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output)
    {
        var punctuation = UnicodeSets.OldPunctuation;
        var before = output.Count;
        var start = 0;
        for (var i = 0; i < piece.Length;)
        {
            var codePoint = CodePoints.Read(piece, i, out var length);
            var isSpace = UnicodeSets.WhiteSpace.Contains(codePoint);
            if (isSpace || punctuation.Contains(codePoint))
            {
                Add(piece, start, i, before, atTextStart, output);
                if (!isSpace)
                {
                    Add(piece, i, i + length, before, atTextStart, output);
                }

                start = i + length;
            }

            i += length;
        }

        Add(piece, start, piece.Length, before, atTextStart, output);
    }

    private static void Add(ReadOnlySpan<byte> piece, int start, int end, int before, bool atTextStart, PieceList output)
    {
        if (before == 0 && output.Count == 0 && end > start)
        {
            output.AtTextStart = atTextStart && start == 0;
        }

        output.Add(piece[start..end]);
    }
}
