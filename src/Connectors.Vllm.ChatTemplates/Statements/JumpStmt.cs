namespace Connectors.Vllm.ChatTemplates;

/// <summary>break and continue.</summary>
internal sealed class JumpStmt(Flow flow, int position) : Stmt(position)
{
    public override IEnumerable<Node> Children => [];

    public override void Bind(Scope scope)
    {
        if (!scope.IsInLoop)
        {
            throw new TemplateSyntaxException($"'{(flow == Flow.Break ? "break" : "continue")}' outside of a loop", Position);
        }
    }

    public override Flow Execute(Frame frame)
    {
        frame.Context.Spend(1);
        return flow;
    }
}
