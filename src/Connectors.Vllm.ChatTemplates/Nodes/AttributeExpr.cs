namespace Connectors.Vllm.ChatTemplates;

/// <summary><c>owner.name</c>.</summary>
internal sealed class AttributeExpr(Expr owner, string name, int position) : Expr(position)
{
    private readonly AttributeName _name = new(name);

    public Expr Owner => owner;

    public string Name => name;

    public AttributeName Attribute => _name;

    public override IEnumerable<Node> Children => [owner];

    public override Value Eval(Frame frame)
    {
        var value = owner.Eval(frame);
        frame.Context.Position = Position;
        return _name.Get(frame.Context, value);
    }
}
