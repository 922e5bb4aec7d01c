namespace Connectors.Vllm.ChatTemplates;

internal sealed class UnaryExpr(bool negate, Expr operand, int position) : Expr(position)
{
    public override IEnumerable<Node> Children => [operand];

    public override Value Eval(Frame frame)
    {
        var value = operand.Eval(frame);
        frame.Context.Position = Position;
        return negate ? PyArithmetic.Negate(value) : PyArithmetic.Plus(value);
    }
}
