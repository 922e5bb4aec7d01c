namespace Connectors.Vllm.ChatTemplates;

/// <summary>A slice among several keys, <c>owner[1:2, 3]</c>: nothing here has an item under such a key, so that it is undefined, as in Python.</summary>
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
