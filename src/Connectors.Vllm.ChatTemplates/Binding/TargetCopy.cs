namespace Connectors.Vllm.ChatTemplates;

/// <summary>A second copy of a loop's target, bound to the variables of the loop's filter.</summary>
internal static class TargetCopy
{
    public static Expr Of(Expr target) => target switch
    {
        NameExpr name => new NameExpr(name.Name, name.Position) { Use = NameUse.Store },
        SequenceExpr sequence => new SequenceExpr(Array.ConvertAll(sequence.Items, Of), sequence.IsTuple, sequence.Position),
        _ => target,
    };
}
