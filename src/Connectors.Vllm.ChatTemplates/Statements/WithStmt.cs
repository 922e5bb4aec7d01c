namespace Connectors.Vllm.ChatTemplates;

/// <summary><c>with a = 1, b = 2</c> … <c>endwith</c>.</summary>
internal sealed class WithStmt(Expr[] targets, Expr[] values, Stmt[] body, int cost, int position) : Stmt(position)
{
    private ScopeEntry _scope = null!;

    public override IEnumerable<Node> Children => [.. targets, .. values, .. body];

    public override void Declare(Symbols symbols)
    {
        foreach (var value in values)
        {
            value.Declare(symbols);
        }
    }

    public override void Bind(Scope scope)
    {
        var inner = scope.Inner();
        foreach (var node in targets.Concat<Node>(body))
        {
            node.Declare(inner.Symbols);
        }

        _scope = inner.Enter();
        for (var i = 0; i < targets.Length; i++)
        {
            values[i].Bind(scope);
            targets[i].Bind(inner);
        }

        Body.Bind(body, inner);
    }

    public override Flow Execute(Frame frame)
    {
        frame.Context.Spend(cost);
        _scope.Enter(frame);
        for (var i = 0; i < targets.Length; i++)
        {
            targets[i].Assign(frame, values[i].Eval(frame));
        }

        var flow = Body.Execute(body, frame);
        _scope.Leave(frame);
        return flow;
    }
}
