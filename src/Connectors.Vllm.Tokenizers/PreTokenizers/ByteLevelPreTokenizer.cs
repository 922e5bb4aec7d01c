using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.RegularExpressions;

namespace Connectors.Vllm.Tokenizers.PreTokenizers;

/// <summary>
/// ByteLevel in general form: a blank before each piece, GPT-2's pattern, and the printable alphabet of bytes, each only if asked for.
/// </summary>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool useRegex, bool mapBytes) : PreTokenizer
{
    private static readonly Lazy<RegexProgram> Gpt2 = new(() => RegexCompiler.Compile(
        @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"));

    public override void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output)
    {
        if (output.Count == 0)
        {
            output.AtTextStart = atTextStart;
        }

        if (addPrefixSpace && piece[0] != ' ')
        {
            byte[] longer = [(byte)' ', .. piece];
            Cut(longer, output);
        }
        else
        {
            Cut(piece, output);
        }
    }

    private void Cut(ReadOnlySpan<byte> piece, PieceList output)
    {
        if (!useRegex)
        {
            Add(piece, output);
            return;
        }

        var matches = new RegexMatches(Gpt2.Value, piece);
        var end = 0;
        while (matches.MoveNext(piece))
        {
            Add(piece[end..matches.Start], output);
            Add(piece[matches.Start..matches.End], output);
            end = matches.End;
        }

        matches.Dispose();
        Add(piece[end..], output);
    }

    private void Add(ReadOnlySpan<byte> piece, PieceList output)
    {
        if (mapBytes)
        {
            ByteAlphabet.AppendChars(piece, output.Text);
            output.EndPiece();
        }
        else
        {
            output.Add(piece);
        }
    }
}
