using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.PreTokenizers;

/// <summary>The pre-tokenizer Bert: drops white space and isolates punctuation.</summary>
internal sealed class BertPreTokenizer : PreTokenizer
{
    public override void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output, TextBudget budget)
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

        output.Add(piece, start, end);
    }
}

/// <summary>
/// Splits where the script changes. Characters without a script (such as spaces) belong to the preceding piece; before the first character with a
/// script they are dropped, as in the reference.
/// </summary>
internal sealed class UnicodeScriptsPreTokenizer : PreTokenizer
{
    private const int AnyScript = 0;

    public override void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output, TextBudget budget)
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
                    output.Add(piece, start, i);
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
            output.Add(piece, start, piece.Length);
        }
    }
}

/// <summary>Splits into pieces of a fixed number of code points; the last one may be shorter.</summary>
internal sealed class FixedLengthPreTokenizer(int length) : PreTokenizer
{
    public override void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output, TextBudget budget)
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
                output.Add(piece, start, i);
                (start, count) = (i, 0);
            }
        }

        output.Add(piece, start, piece.Length);
    }
}
