namespace Connectors.Vllm.ChatTemplates;

/// <summary><c>owner[key]</c>.</summary>
internal sealed class ItemExpr(Expr owner, Expr key, int position) : Expr(position)
{
    private readonly AttributeName? _name = key is ConstExpr { Value.IsString: true } constant ? new AttributeName(constant.Value.Text) : null;

    public Expr Owner => owner;

    public Expr Key => key;

    public override IEnumerable<Node> Children => [owner, key];

    public override Value Eval(Frame frame)
    {
        var value = owner.Eval(frame);
        if (_name is not null)
        {
            frame.Context.Position = Position;
            return _name.GetItem(frame.Context, value);
        }

        var index = key.Eval(frame);
        frame.Context.Position = Position;
        return ItemAccess.Get(frame.Context, value, index);
    }
}
