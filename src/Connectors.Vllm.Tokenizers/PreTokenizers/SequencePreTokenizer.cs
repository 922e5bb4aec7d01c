namespace Connectors.Vllm.Tokenizers;

/// <summary>Several pre-tokenizers in a row; each sees only the pieces of the one before.</summary>
internal sealed class SequencePreTokenizer(IReadOnlyList<PreTokenizer> parts) : PreTokenizer
{
    [ThreadStatic]
    private static Stack<PieceList>? s_spare;

    public override void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output)
    {
        if (parts.Count == 1)
        {
            parts[0].PreTokenize(piece, atTextStart, output);
            return;
        }

        s_spare ??= new Stack<PieceList>();
        PieceList source = Rent(), target = Rent();
        parts[0].PreTokenize(piece, atTextStart, source);
        for (var stage = 1; stage < parts.Count; stage++)
        {
            var destination = stage == parts.Count - 1 ? output : target;
            for (var i = 0; i < source.Count; i++)
            {
                parts[stage].PreTokenize(source[i], i == 0 && source.AtTextStart, destination);
            }

            source.Clear();
            (source, target) = (target, source);
        }

        Return(source);
        Return(target);
    }

    private static PieceList Rent()
    {
        var list = s_spare!.Count > 0 ? s_spare.Pop() : new PieceList();
        list.Clear();
        return list;
    }

    private static void Return(PieceList list)
    {
        list.Trim(1 << 20);
        s_spare!.Push(list);
    }
}
