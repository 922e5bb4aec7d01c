namespace Connectors.Vllm.ChatTemplates;

/// <summary><c>value|filter(arguments)</c>; without a value the filter of a filter or set block.</summary>
internal sealed class FilterExpr(Expr? operand, string name, ArgumentList arguments, int position) : Expr(position)
{
    private readonly Method? _filter = Filters.Find(name);

    public Expr? Operand => operand;

    public override IEnumerable<Node> Children => operand is null ? arguments.Nodes : [operand, .. arguments.Nodes];

    public override void Bind(Scope scope)
    {
        if (_filter is null && !scope.IsConditional)
        {
            throw new TemplateSyntaxException($"No filter named '{name}'.", Position);
        }

        base.Bind(scope);
    }

    public override Value Eval(Frame frame) => Apply(frame, operand!.Eval(frame));

    public override void WriteTo(Frame frame)
    {
        if (ReferenceEquals(_filter, Filters.ToJson) && arguments.IsEmpty)
        {
            var value = operand!.Eval(frame);
            frame.Context.Position = Position;
            JsonFilter.Write(frame.Context, value);
            return;
        }

        base.WriteTo(frame);
    }

    /// <summary>Applies the filter, and those before it in a block's chain, to the text of the block.</summary>
    public Value ApplyToBlock(Frame frame, Value text) =>
        Apply(frame, operand is FilterExpr inner ? inner.ApplyToBlock(frame, text) : text);

    private Value Apply(Frame frame, Value value)
    {
        var given = arguments.Eval(frame);
        var context = frame.Context;
        context.Spend(1);
        context.Position = Position;
        return _filter is null ? throw new PyException($"No filter named '{name}' found.") : _filter.Invoke(context, value, given);
    }
}
