using System.Text;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.PreTokenizers;

/// <summary>Replaces each space (only U+0020) with a marker, adds one at the start, and splits before each marker.</summary>
internal sealed class MetaspacePreTokenizer : PreTokenizer
{
    private readonly MetaspaceSettings _settings;
    private readonly byte[] _marker;

    public MetaspacePreTokenizer(MetaspaceSettings settings)
    {
        _settings = settings;
        _marker = Encoding.UTF8.GetBytes(settings.Marker.ToString());
    }

    public override void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output, TextBudget budget)
    {
        if (output.Count == 0)
        {
            output.AtTextStart = atTextStart;
        }

        var text = output.Text;
        var wantsMarker = _settings.Prepend == MetaspacePrepend.Always || (_settings.Prepend == MetaspacePrepend.First && atTextStart);
        if (wantsMarker && piece[0] != ' ' && !piece.StartsWith(_marker))
        {
            // The marker counts as part of the first character, as in the reference.
            _ = CodePoints.Read(piece, 0, out var first);
            text.Alignment?.Replace(text.Length, output.Origin, output.Origin + first);
            text.Append(_marker);
        }

        var source = output.Origin;
        text.Alignment?.Copy(text.Length, source);
        while (true)
        {
            var length = NextMarker(piece, out var markerLength);
            text.Append(piece[..length]);
            piece = piece[length..];
            source += length;
            if (piece.IsEmpty)
            {
                break;
            }

            if (_settings.Split)
            {
                output.EndPiece();
            }

            text.AppendFor(source, source + markerLength, _marker);
            piece = piece[markerLength..];
            source += markerLength;
        }

        output.EndPiece();
    }

    /// <summary>Finds the next space or marker and its length; returns the length of the piece if there is none.</summary>
    private int NextMarker(ReadOnlySpan<byte> piece, out int markerLength)
    {
        var blank = piece.IndexOf((byte)' ');
        var until = blank < 0 ? piece : piece[..blank];
        var marker = until.IndexOf(_marker);
        markerLength = marker >= 0 ? _marker.Length : 1;
        return marker >= 0 ? marker : until.Length;
    }
}

/// <summary>The settings of the Metaspace pre-tokenizer and decoder.</summary>
/// <param name="Marker">The character that replaces a space.</param>
/// <param name="Prepend">Where a marker is added.</param>
/// <param name="Split">Whether pieces are split before each marker.</param>
internal sealed record MetaspaceSettings(Rune Marker, MetaspacePrepend Prepend, bool Split);

/// <summary>Where Metaspace adds a marker.</summary>
internal enum MetaspacePrepend
{
    /// <summary>Before every piece.</summary>
    Always,

    /// <summary>Before the piece at the very start of the text.</summary>
    First,

    /// <summary>Nowhere.</summary>
    Never,
}
