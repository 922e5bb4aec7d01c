using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.PreTokenizers;

/// <summary>
/// Splits a piece into smaller pieces, and may rewrite them. Immutable and thread-safe. Not used for chains that have a hand-written scanner (see
/// <c>Scanners/</c>).
/// </summary>
internal abstract class PreTokenizer
{
    /// <summary>Splits <paramref name="piece"/> and adds the parts to <paramref name="output"/>, in order.</summary>
    /// <param name="piece">Non-empty valid UTF-8. Look-around is limited to it.</param>
    /// <param name="atTextStart">Whether the piece is at the start of the original text.</param>
    /// <param name="output">The list to add to; it must not alias <paramref name="piece"/>.</param>
    /// <param name="budget">The budget for the work.</param>
    public abstract void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output, TextBudget budget);
}

/// <summary>
/// The pieces produced by a pre-tokenizer, concatenated in <see cref="Text"/>. Empty pieces are dropped, as in the reference. Reused between calls;
/// not thread-safe.
/// </summary>
internal sealed class PieceList
{
    private int[] _ends = new int[64];

    /// <summary>The bytes of all pieces. A pre-tokenizer may write here directly and then call <see cref="EndPiece"/>.</summary>
    public Utf8Buffer Text { get; } = new();

    public int Count { get; private set; }

    /// <summary>Whether piece 0 is at the start of the original text (used only by Metaspace with "first").</summary>
    public bool AtTextStart { get; set; }

    public ReadOnlySpan<byte> this[int index] => Text.Written[Start(index).._ends[index]];

    public int Start(int index) => index == 0 ? 0 : _ends[index - 1];

    public int End(int index) => _ends[index];

    public void Clear()
    {
        Text.Clear();
        Count = 0;
        AtTextStart = false;
        Origin = 0;
    }

    /// <summary>The position in the text of the piece that is being split; only for aligned lists.</summary>
    public int Origin { get; set; }

    /// <summary>Adds a part of the piece that is being split; an empty one is dropped.</summary>
    public void Add(ReadOnlySpan<byte> piece, int start, int end)
    {
        Text.Alignment?.Copy(Text.Length, Origin + start);
        Text.Append(piece[start..end]);
        EndPiece();
    }

    /// <summary>
    /// Ends a piece that contains everything written to <see cref="Text"/> since the last one; does nothing if nothing was written.
    /// </summary>
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

    /// <summary>Adds the pieces of another list, whose alignment to the piece that is being split is <paramref name="alignment"/>.</summary>
    public void AddAll(PieceList other, Alignment alignment)
    {
        AtTextStart = Count == 0 ? other.AtTextStart : AtTextStart;
        Text.Alignment?.Append(alignment, Text.Length, Origin);
        for (var i = 0; i < other.Count; i++)
        {
            Text.Append(other[i]);
            EndPiece();
        }
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

/// <summary>Several pre-tokenizers in a row; each sees only the pieces of the one before.</summary>
internal sealed class SequencePreTokenizer(IReadOnlyList<PreTokenizer> parts) : PreTokenizer
{
    [ThreadStatic]
    private static Stack<PieceList>? s_spare;

    public override void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output, TextBudget budget)
    {
        if (parts.Count == 1)
        {
            parts[0].PreTokenize(piece, atTextStart, output, budget);
            return;
        }

        s_spare ??= new Stack<PieceList>();
        PieceList source = Rent(budget), target = Rent(budget);
        var isAligned = output.Text.Alignment is not null;
        source.Text.Alignment = isAligned ? new Alignment() : null;
        parts[0].PreTokenize(piece, atTextStart, source, budget);
        var alignment = source.Text.Alignment;
        for (var stage = 1; stage < parts.Count; stage++)
        {
            // If alignment is requested, the output of the last stage must first be composed with that of the previous ones.
            var destination = stage == parts.Count - 1 && !isAligned ? output : target;
            destination.Text.Alignment = isAligned ? new Alignment() : null;
            budget.Spend(source.Text.Length + source.Count);
            for (var i = 0; i < source.Count; i++)
            {
                destination.Origin = source.Start(i);
                parts[stage].PreTokenize(source[i], i == 0 && source.AtTextStart, destination, budget);
            }

            alignment = destination.Text.Alignment?.Over(alignment!, destination.Text.Length);
            source.Clear();
            (source, target) = (target, source);
        }

        if (isAligned)
        {
            output.AddAll(source, alignment!);
        }

        Return(source);
        Return(target);
    }

    private static PieceList Rent(TextBudget budget)
    {
        var list = s_spare!.Count > 0 ? s_spare.Pop() : new PieceList();
        list.Clear();
        list.Text.Limit = budget.MaxOutputLength;
        return list;
    }

    private static void Return(PieceList list)
    {
        list.Trim(1 << 20);
        list.Text.Alignment = null;
        s_spare!.Push(list);
    }
}
