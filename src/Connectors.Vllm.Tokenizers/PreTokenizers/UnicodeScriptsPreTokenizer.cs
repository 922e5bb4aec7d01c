namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// Cuts where the script changes. Characters without a script (blanks among them) go with what stands before them; before the first
/// character that has one they are dropped, as in the reference.
/// </summary>
internal sealed class UnicodeScriptsPreTokenizer : PreTokenizer
{
    private const int AnyScript = 0;

    public override void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output)
    {
        var isFirst = output.Count == 0;
        var start = -1;
        var last = -1;
        for (var i = 0; i < piece.Length;)
        {
            int script = UnicodeSets.OldScripts[CodePoints.Read(piece, i, out var length)];
            if (script != AnyScript && script != last)
            {
                if (start >= 0)
                {
                    output.Add(piece[start..i]);
                }
                else if (isFirst)
                {
                    output.AtTextStart = atTextStart && i == 0;
                }

                start = i;
                last = script;
            }

            i += length;
        }

        if (start >= 0)
        {
            output.Add(piece[start..]);
        }
    }
}
