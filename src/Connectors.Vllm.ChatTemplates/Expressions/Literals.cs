using Connectors.Vllm.ChatTemplates.Scopes;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Expressions;

internal sealed class ConstExpr(Value value, int position) : Expr(position)
{
    public Value Value => value;

    public override IEnumerable<Node> Children => [];

    public override Value Eval(Frame frame) => value;
}

/// <summary>A list or tuple; a tuple of targets unpacks.</summary>
internal sealed class SequenceExpr(Expr[] items, bool isTuple, int position) : Expr(position)
{
    public Expr[] Items => items;

    public bool IsTuple => isTuple;

    public override IEnumerable<Node> Children => items;

    public override Value Eval(Frame frame)
    {
        var values = new Value[items.Length];
        for (var i = 0; i < items.Length; i++)
        {
            values[i] = items[i].Eval(frame);
        }

        return Value.Of(new PySequence(values, isTuple));
    }

    public override void Assign(Frame frame, Value value)
    {
        var context = frame.Context;
        context.Position = Position;
        var values = PyOps.TryIterate(value) is null
            ? throw new PyException($"cannot unpack non-iterable {PyOps.TypeName(value)} object")
            : PyOps.ToArray(context, value);
        if (values.Length != items.Length)
        {
            throw new PyException(values.Length < items.Length
                ? $"not enough values to unpack (expected {items.Length}, got {values.Length})"
                : $"too many values to unpack (expected {items.Length})");
        }

        for (var i = 0; i < items.Length; i++)
        {
            items[i].Assign(frame, values[i]);
        }
    }
}

internal sealed class DictExpr(Expr[] keys, Expr[] values, int position) : Expr(position)
{
    public override IEnumerable<Node> Children => keys.Zip(values).SelectMany(pair => new Node[] { pair.First, pair.Second });

    public override Value Eval(Frame frame)
    {
        var dict = new PyDict(Math.Max(1, keys.Length));
        for (var i = 0; i < keys.Length; i++)
        {
            var key = keys[i].Eval(frame);
            var value = values[i].Eval(frame);
            frame.Context.Position = Position;
            dict.Set(frame.Context, key, value);
        }

        return Value.Of(dict);
    }
}
