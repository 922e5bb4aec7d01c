namespace Connectors.Vllm.ChatTemplates;

/// <summary>
/// <c>block name</c> … <c>endblock</c>: without inheritance its body in place, seeing only the template's top-level variables, or with
/// <c>scoped</c> those around it as well. A block is written out again by <c>self.name()</c>.
/// </summary>
internal sealed class BlockStmt(string name, bool isScoped, bool isRequired, Stmt[] body, int position) : Stmt(position)
{
    private ScopeEntry _scope = null!;
    private FunctionScope _function = null!;

    public string Name => name;

    public bool IsScoped => isScoped;

    public override IEnumerable<Node> Children => body;

    public override void Declare(Symbols symbols)
    {
    }

    public override void Bind(Scope scope)
    {
        _function = new FunctionScope(isScoped ? scope.Function : null);
        var inner = new Scope(new Symbols(isScoped ? scope.Symbols : null), _function);
        foreach (var statement in body)
        {
            statement.Declare(inner.Symbols);
        }

        _scope = inner.Enter();
        Body.Bind(body, inner);
    }

    public override Flow Execute(Frame frame)
    {
        if (isRequired)
        {
            frame.Context.Position = Position;
            throw new PyException($"Required block '{name}' not found");
        }

        frame.Context.Spend(1);
        var own = new Frame(frame.Context, _function.SlotCount, isScoped ? frame : null);
        _scope.Enter(own);
        Body.Execute(body, own);
        return Flow.Next;
    }

    /// <summary>Writes the block once more, for <c>self.name()</c>, and gives its text.</summary>
    public Value Call(RenderContext context, CallArguments arguments)
    {
        if (arguments.Positional.Length > 0 || arguments.Keywords.Length > 0)
        {
            throw new PyException($"self.{name}() takes no arguments");
        }

        if (isScoped)
        {
            throw new PyException($"the block '{name}' is scoped: it has no variables where self.{name}() calls it");
        }

        context.EnterCall();
        var start = context.Output.Length;
        Execute(new Frame(context, 0, null));
        context.LeaveCall();
        return Value.Of(context.Output.Cut(start));
    }
}
