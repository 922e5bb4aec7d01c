namespace Connectors.Vllm.ChatTemplates;

/// <summary><c>{{ value }}</c>.</summary>
internal sealed class PrintStmt(Expr value, int cost, int position) : Stmt(position)
{
    public override IEnumerable<Node> Children => [value];

    public override Flow Execute(Frame frame)
    {
        frame.Context.Spend(cost);
        value.WriteTo(frame);
        return Flow.Next;
    }
}
