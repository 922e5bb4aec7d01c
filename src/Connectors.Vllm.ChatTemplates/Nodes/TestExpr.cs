namespace Connectors.Vllm.ChatTemplates;

/// <summary><c>value is test</c>.</summary>
internal sealed class TestExpr(Expr operand, string name, ArgumentList arguments, int position) : Expr(position)
{
    private readonly Method? _test = Tests.Find(name);

    public Expr Operand => operand;

    public override IEnumerable<Node> Children => [operand, .. arguments.Nodes];

    public override void Bind(Scope scope)
    {
        if (_test is null && !scope.IsConditional)
        {
            throw new TemplateSyntaxException($"No test named '{name}'.", Position);
        }

        base.Bind(scope);
    }

    public override Value Eval(Frame frame)
    {
        var value = operand.Eval(frame);
        var given = arguments.Eval(frame);
        frame.Context.Position = Position;
        return _test is null ? throw new PyException($"No test named '{name}' found.") : _test.Invoke(frame.Context, value, given);
    }
}
