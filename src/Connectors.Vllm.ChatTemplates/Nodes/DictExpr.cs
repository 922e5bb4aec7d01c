namespace Connectors.Vllm.ChatTemplates;

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
