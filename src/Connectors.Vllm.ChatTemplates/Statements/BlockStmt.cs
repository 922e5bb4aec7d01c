namespace Connectors.Vllm.ChatTemplates;

/// <summary><c>block name</c> … <c>endblock</c>: without inheritance its body in place, seeing only the template's top-level variables.</summary>
internal sealed class BlockStmt(string name, Stmt[] body, int position) : Stmt(position)
{
    private ScopeEntry _scope = null!;
    private FunctionScope _function = null!;

    public string Name => name;

    public override IEnumerable<Node> Children => body;

    public override void Declare(Symbols symbols)
    {
    }

    public override void Bind(Scope scope)
    {
        _function = new FunctionScope(null);
        var inner = new Scope(new Symbols(null), _function);
        foreach (var statement in body)
        {
            statement.Declare(inner.Symbols);
        }

        _scope = inner.Enter();
        Body.Bind(body, inner);
    }

    public override Flow Execute(Frame frame)
    {
        var own = new Frame(frame.Context, _function.SlotCount, null);
        _scope.Enter(own);
        Body.Execute(body, own);
        return Flow.Next;
    }
}
