namespace Connectors.Vllm.Oracle.Tests.ChatTemplates;

/// <summary>A statement of a generated template: what opens it, the statements inside, what closes it. A leaf is its opening.</summary>
internal sealed record TemplatePiece(string Open, IReadOnlyList<TemplatePiece> Body, string Close)
{
    public TemplatePiece(string text)
        : this(text, [], "")
    {
    }

    public override string ToString() => Open + string.Concat(Body) + Close;

    /// <summary>Smaller lists of statements: without one, with one replaced by what is inside it, with less inside one.</summary>
    public static IEnumerable<TemplatePiece[]> Shrink(IReadOnlyList<TemplatePiece> pieces)
    {
        for (var i = 0; i < pieces.Count; i++)
        {
            yield return With(i);
        }

        for (var i = 0; i < pieces.Count; i++)
        {
            var piece = pieces[i];
            if (piece.Body.Count > 0)
            {
                yield return With(i, [.. piece.Body]);
            }

            foreach (var smaller in Shrink(piece.Body))
            {
                yield return With(i, piece with { Body = smaller });
            }
        }

        TemplatePiece[] With(int index, params TemplatePiece[] instead) => [.. pieces.Take(index), .. instead, .. pieces.Skip(index + 1)];
    }
}
