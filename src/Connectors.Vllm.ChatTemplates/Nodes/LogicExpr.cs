namespace Connectors.Vllm.ChatTemplates;

/// <summary><c>and</c>, <c>or</c>: the value of the operand that decides.</summary>
internal sealed class LogicExpr(bool isAnd, Expr left, Expr right, int position) : Expr(position)
{
    public override IEnumerable<Node> Children => [left, right];

    public override Value Eval(Frame frame)
    {
        var value = left.Eval(frame);
        return PyOps.IsTruthy(value) == isAnd ? right.Eval(frame) : value;
    }
}
