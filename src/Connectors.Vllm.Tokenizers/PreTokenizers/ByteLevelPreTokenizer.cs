using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.RegularExpressions;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.PreTokenizers;

/// <summary>ByteLevel in general form: a space before each piece, GPT-2's pattern, and the printable alphabet of bytes, each optional.</summary>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool useRegex, bool mapBytes) : PreTokenizer
{
    private static readonly Lazy<RegexProgram> Gpt2 = new(() => RegexCompiler.Compile(
        @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"));

    public override void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output, TextBudget budget)
    {
        if (output.Count == 0)
        {
            output.AtTextStart = atTextStart;
        }

        if (addPrefixSpace && piece[0] != ' ')
        {
            byte[] longer = [(byte)' ', .. piece];
            Cut(longer, prefix: 1, output, budget);
        }
        else
        {
            Cut(piece, prefix: 0, output, budget);
        }
    }

    private void Cut(ReadOnlySpan<byte> piece, int prefix, PieceList output, TextBudget budget)
    {
        if (!useRegex)
        {
            Add(piece, 0, piece.Length, prefix, output);
            return;
        }

        using var matches = new RegexMatches(Gpt2.Value, budget);
        var end = 0;
        while (matches.MoveNext(piece))
        {
            Add(piece, end, matches.Start, prefix, output);
            Add(piece, matches.Start, matches.End, prefix, output);
            end = matches.End;
        }

        Add(piece, end, piece.Length, prefix, output);
    }

    /// <summary>Adds a part of a piece, which begins with <paramref name="prefix"/> bytes that are not in the text.</summary>
    private void Add(ReadOnlySpan<byte> piece, int start, int end, int prefix, PieceList output)
    {
        var text = output.Text;
        if (start < prefix && start < end)
        {
            // The space belongs to the first character, as in the reference.
            _ = CodePoints.Read(piece, prefix, out var first);
            text.Alignment?.Replace(text.Length, output.Origin, output.Origin + first);
            text.Append(mapBytes ? "\u0120"u8 : " "u8);
            start = prefix;
        }

        var source = output.Origin + start - prefix;
        text.Alignment?.Copy(text.Length, source);
        if (mapBytes)
        {
            ByteAlphabet.AppendChars(piece[start..end], source, text);
        }
        else
        {
            text.Append(piece[start..end]);
        }

        output.EndPiece();
    }
}
