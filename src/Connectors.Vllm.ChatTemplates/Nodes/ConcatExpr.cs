namespace Connectors.Vllm.ChatTemplates;

/// <summary>The operator <c>~</c>: everything as text, one after the other.</summary>
internal sealed class ConcatExpr(Expr[] operands, int position) : Expr(position)
{
    public override IEnumerable<Node> Children => operands;

    public override Value Eval(Frame frame)
    {
        // All operands first: one of them could fail, or write through a macro.
        var values = new Value[operands.Length];
        for (var i = 0; i < operands.Length; i++)
        {
            values[i] = operands[i].Eval(frame);
        }

        var context = frame.Context;
        context.Position = Position;
        var start = context.Output.Length;
        foreach (var value in values)
        {
            PyPrint.Write(context, value, context.Output);
        }

        return Value.Of(context.Output.Cut(start));
    }
}
