namespace Connectors.Vllm.ChatTemplates;

/// <summary><c>set target = value</c>.</summary>
internal sealed class SetStmt(Expr target, Expr value, int cost, int position) : Stmt(position)
{
    public Expr Target => target;

    public Expr Value => value;

    public override IEnumerable<Node> Children => [target, value];

    public override void Declare(Symbols symbols)
    {
        value.Declare(symbols);
        target.Declare(symbols);
    }

    public override Flow Execute(Frame frame)
    {
        frame.Context.Spend(cost);
        target.Assign(frame, value.Eval(frame));
        return Flow.Next;
    }
}
