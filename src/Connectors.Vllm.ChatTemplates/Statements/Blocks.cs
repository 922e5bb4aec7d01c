using Connectors.Vllm.ChatTemplates.Expressions;
using Connectors.Vllm.ChatTemplates.Scopes;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Statements;

/// <summary>
/// <c>block name</c> … <c>endblock</c>: without inheritance, its body is rendered in place and can access only the template's top-level variables,
/// or with <c>scoped</c> the surrounding ones as well. <c>self.name()</c> renders a block again.
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

    /// <summary>Renders the block again for <c>self.name()</c> and returns its text.</summary>
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

/// <summary>The variable <c>self</c>: the template's blocks by name, which can be rendered again.</summary>
internal sealed class TemplateReference(IReadOnlyDictionary<string, BlockStmt> blocks) : PyObject
{
    public override string TypeName => "TemplateReference";

    public override Value GetAttribute(RenderContext context, string name) =>
        blocks.TryGetValue(name, out var block) ? Value.Of(new BuiltinFunction(name, block.Call)) : default;

    public override void WriteRepr(RenderContext context, TextBuilder output) => output.Append("<TemplateReference None>");
}

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

/// <summary>include, import, extends: a chat template cannot load other templates, so these fail when they are executed.</summary>
internal sealed class NoLoaderStmt(string tag, Expr template, string[] names, int position) : Stmt(position)
{
    public override IEnumerable<Node> Children => [template];

    public override void Declare(Symbols symbols)
    {
        template.Declare(symbols);
        foreach (var name in names)
        {
            symbols.Store(name);
        }
    }

    public override void Bind(Scope scope)
    {
        if (tag == "extends" && !scope.IsTopLevel)
        {
            throw new TemplateSyntaxException("cannot use extend from a non top-level scope", Position);
        }

        base.Bind(scope);
    }

    public override Flow Execute(Frame frame)
    {
        template.Eval(frame);
        frame.Context.Position = Position;
        throw new PyException($"'{tag}' needs another template, and chat templates cannot load any");
    }
}
