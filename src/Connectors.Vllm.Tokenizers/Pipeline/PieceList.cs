namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// The pieces a pre-tokenizer makes: their bytes lie one behind the other in <see cref="Text"/>. Empty pieces vanish, as in the
/// reference. Reused between calls, not thread-safe.
/// </summary>
internal sealed class PieceList
{
    private int[] _ends = new int[64];

    /// <summary>The bytes of all pieces. A pre-tokenizer may write here directly and then call <see cref="EndPiece"/>.</summary>
    public Utf8Buffer Text { get; } = new();

    public int Count { get; private set; }

    /// <summary>True when piece 0 begins where the original text begins (only "Metaspace first" asks).</summary>
    public bool AtTextStart { get; set; }

    public ReadOnlySpan<byte> this[int index] => Text.Written[Start(index).._ends[index]];

    public int Start(int index) => index == 0 ? 0 : _ends[index - 1];

    public int End(int index) => _ends[index];

    public void Clear()
    {
        Text.Clear();
        Count = 0;
        AtTextStart = false;
    }

    /// <summary>Adds a piece; an empty one is dropped.</summary>
    public void Add(ReadOnlySpan<byte> piece)
    {
        Text.Append(piece);
        EndPiece();
    }

    /// <summary>Everything written to <see cref="Text"/> since the last piece becomes a piece; nothing if nothing was written.</summary>
    public void EndPiece()
    {
        var start = Count == 0 ? 0 : _ends[Count - 1];
        if (Text.Length == start)
        {
            return;
        }

        if (Count == _ends.Length)
        {
            Array.Resize(ref _ends, _ends.Length * 2);
        }

        _ends[Count++] = Text.Length;
    }

    public void Trim(int keep)
    {
        Text.Trim(keep);
        Count = 0;
        if (_ends.Length > keep)
        {
            _ends = new int[64];
        }
    }
}
