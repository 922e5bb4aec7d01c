namespace Connectors.Vllm.ChatTemplates;

/// <summary><c>set target</c> … <c>endset</c>: the text of the block, through filters if there are any.</summary>
internal sealed class SetBlockStmt(Expr target, FilterExpr? filter, Stmt[] body, int cost, int position) : Stmt(position)
{
    private ScopeEntry _scope = null!;

    public override IEnumerable<Node> Children => [target, .. filter is null ? Array.Empty<Node>() : [filter], .. body];

    public override void Declare(Symbols symbols) => target.Declare(symbols);

    public override void Bind(Scope scope)
    {
        var inner = scope.Inner();
        foreach (var statement in body)
        {
            statement.Declare(inner.Symbols);
        }

        filter?.Declare(inner.Symbols);
        _scope = inner.Enter();
        Body.Bind(body, inner);
        filter?.Bind(inner);
        target.Bind(scope);
    }

    public override Flow Execute(Frame frame)
    {
        frame.Context.Spend(cost);
        _scope.Enter(frame);
        var flow = Body.Capture(body, frame, out var text);
        if (flow == Flow.Next)
        {
            var value = Value.Of(text);
            target.Assign(frame, filter is null ? value : filter.ApplyToBlock(frame, value));
        }

        _scope.Leave(frame);
        return flow;
    }
}
