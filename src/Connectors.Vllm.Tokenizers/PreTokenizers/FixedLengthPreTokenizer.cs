namespace Connectors.Vllm.Tokenizers;

/// <summary>Cuts into pieces of a fixed number of code points; the last one may be shorter.</summary>
internal sealed class FixedLengthPreTokenizer(int length) : PreTokenizer
{
    public override void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output)
    {
        if (output.Count == 0)
        {
            output.AtTextStart = atTextStart;
        }

        var start = 0;
        var count = 0;
        for (var i = 0; i < piece.Length;)
        {
            _ = CodePoints.Read(piece, i, out var bytes);
            i += bytes;
            if (++count == length)
            {
                output.Add(piece[start..i]);
                (start, count) = (i, 0);
            }
        }

        output.Add(piece[start..]);
    }
}
