namespace Connectors.Vllm.ChatTemplates;

/// <summary><c>owner[start:stop:step]</c>.</summary>
internal sealed class SliceExpr(Expr owner, Expr? start, Expr? stop, Expr? step, int position) : Expr(position)
{
    public Expr Owner => owner;

    public override IEnumerable<Node> Children => new[] { owner, start, stop, step }.OfType<Node>();

    public override Value Eval(Frame frame)
    {
        var value = owner.Eval(frame);
        var (from, to, by) = (start?.Eval(frame) ?? default, stop?.Eval(frame) ?? default, step?.Eval(frame) ?? default);
        frame.Context.Position = Position;
        return ItemAccess.Slice(frame.Context, value, from, to, by);
    }
}
