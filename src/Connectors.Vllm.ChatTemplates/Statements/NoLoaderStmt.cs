namespace Connectors.Vllm.ChatTemplates;

/// <summary>include, import, extends: a chat template has nothing to load, so they fail when they are reached.</summary>
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
        throw new PyException($"'{tag}' needs another template, and a chat template cannot load any");
    }
}
