using Connectors.Vllm.ChatTemplates.Methods;
using Connectors.Vllm.ChatTemplates.Scopes;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Expressions;

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

/// <summary><c>owner[start:stop:step]</c>.</summary>
internal sealed class SliceExpr(Expr owner, Expr? start, Expr? stop, Expr? step, int position) : Expr(position)
{
    public Expr Owner => owner;

    public override IEnumerable<Node> Children => new[] { owner, start, stop, step }.OfType<Node>();

    public override Value Eval(Frame frame)
    {
        var value = owner.Eval(frame);
        var (from, to, by) = (start?.Eval(frame) ?? default, stop?.Eval(frame) ?? default, step?.Eval(frame) ?? default);
        frame.Context.Position = Position;
        return ItemAccess.Slice(frame.Context, value, from, to, by);
    }
}

/// <summary>
/// A slice among several keys, <c>owner[1:2, 3]</c>: nothing here has an item under such a key, so that it is undefined, as in Python.
/// </summary>
internal sealed class SliceKeyExpr(Expr? start, Expr? stop, Expr? step, int position) : Expr(position)
{
    public override IEnumerable<Node> Children => new[] { start, stop, step }.OfType<Node>();

    public override Value Eval(Frame frame) =>
        Value.Of(new SliceObject(start?.Eval(frame) ?? Value.None, stop?.Eval(frame) ?? Value.None, step?.Eval(frame) ?? Value.None));

    private sealed class SliceObject(Value start, Value stop, Value step) : PyObject
    {
        public override string TypeName => "slice";

        public override void WriteRepr(RenderContext context, TextBuilder output)
        {
            output.Append("slice");
            PyPrint.WriteItems(context, [start, stop, step], output, '(', ')', isTuple: false);
        }
    }
}
