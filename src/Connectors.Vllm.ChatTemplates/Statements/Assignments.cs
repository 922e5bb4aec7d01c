using Connectors.Vllm.ChatTemplates.Expressions;
using Connectors.Vllm.ChatTemplates.Scopes;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Statements;

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
