namespace Connectors.Vllm.ChatTemplates;

internal sealed class NotExpr(Expr operand, int position) : Expr(position)
{
    public override IEnumerable<Node> Children => [operand];

    public override Value Eval(Frame frame) => Value.Of(!PyOps.IsTruthy(operand.Eval(frame)));
}
