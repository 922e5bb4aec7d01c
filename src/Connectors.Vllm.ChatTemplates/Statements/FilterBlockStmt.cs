namespace Connectors.Vllm.ChatTemplates;

/// <summary><c>filter name</c> … <c>endfilter</c>.</summary>
internal sealed class FilterBlockStmt(FilterExpr filter, Stmt[] body, int cost, int position) : Stmt(position)
{
    private ScopeEntry _scope = null!;

    public override IEnumerable<Node> Children => [.. body, filter];

    public override void Declare(Symbols symbols) => filter.Declare(symbols);

    public override void Bind(Scope scope)
    {
        var inner = scope.Inner();
        foreach (var child in Children)
        {
            child.Declare(inner.Symbols);
        }

        _scope = inner.Enter();
        Body.Bind(body, inner);
        filter.Bind(inner);
    }

    public override Flow Execute(Frame frame)
    {
        var context = frame.Context;
        context.Spend(cost);
        _scope.Enter(frame);
        var flow = Body.Capture(body, frame, out var text);
        if (flow == Flow.Next)
        {
            PyPrint.Write(context, filter.ApplyToBlock(frame, Value.Of(text)), context.Output);
        }

        _scope.Leave(frame);
        return flow;
    }
}
