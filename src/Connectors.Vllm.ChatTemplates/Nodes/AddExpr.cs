namespace Connectors.Vllm.ChatTemplates;

/// <summary>A chain of <c>+</c>, evaluated from the left. Chains of strings are written piece by piece, not joined pair by pair.</summary>
internal sealed class AddExpr(Expr[] operands, int position) : Expr(position)
{
    public override IEnumerable<Node> Children => operands;

    public override Value Eval(Frame frame) => Run(frame, write: false);

    public override void WriteTo(Frame frame) => Run(frame, write: true);

    private Value Run(Frame frame, bool write)
    {
        var context = frame.Context;
        var value = operands[0].Eval(frame);
        var next = 1;
        if (value.TryGetStr(out var text) && !text.IsMarkup && (write || operands.Length > 2))
        {
            var output = context.Output;
            var start = output.Length;
            output.Append(text);
            while (true)
            {
                if (next == operands.Length)
                {
                    context.SpendCopy(output.Length - start);
                    return write ? default : Value.Of(output.Cut(start));
                }

                var piece = operands[next].Eval(frame);
                if (!piece.TryGetStr(out text) || text.IsMarkup)
                {
                    context.Position = Position;
                    value = PyArithmetic.Add(context, Value.Of(output.Cut(start)), piece);
                    next++;
                    break;
                }

                output.Append(text);
                next++;
            }
        }

        for (; next < operands.Length; next++)
        {
            var operand = operands[next].Eval(frame);
            context.Position = Position;
            value = PyArithmetic.Add(context, value, operand);
        }

        if (write)
        {
            PyPrint.Write(context, value, context.Output);
        }

        return value;
    }
}
