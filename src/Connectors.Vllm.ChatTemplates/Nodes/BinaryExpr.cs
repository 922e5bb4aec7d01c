namespace Connectors.Vllm.ChatTemplates;

/// <summary>An arithmetic operator other than <c>+</c>.</summary>
internal sealed class BinaryExpr(string symbol, Expr left, Expr right, int position) : Expr(position)
{
    private readonly Func<RenderContext, Value, Value, Value> _operation = symbol switch
    {
        "-" => (_, x, y) => PyArithmetic.Subtract(x, y),
        "*" => PyArithmetic.Multiply,
        "/" => (_, x, y) => PyArithmetic.Divide(x, y),
        "//" => (_, x, y) => PyArithmetic.FloorDivide(x, y),
        "%" => PyArithmetic.Modulo,
        _ => (_, x, y) => PyArithmetic.Power(x, y),
    };

    public override IEnumerable<Node> Children => [left, right];

    public override Value Eval(Frame frame)
    {
        var x = left.Eval(frame);
        var y = right.Eval(frame);
        frame.Context.Position = Position;
        return _operation(frame.Context, x, y);
    }
}
