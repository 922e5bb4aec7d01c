namespace Connectors.Vllm.ChatTemplates;

/// <summary>An arithmetic operator other than <c>+</c>.</summary>
internal sealed class BinaryExpr(string symbol, Expr left, Expr right, int position) : Expr(position)
{
    private readonly Func<RenderContext, Value, Value, Value> _operation = symbol switch
    {
        "-" => PyArithmetic.Subtract,
        "*" => PyArithmetic.Multiply,
        "/" => PyArithmetic.Divide,
        "//" => PyArithmetic.FloorDivide,
        "%" => PyArithmetic.Modulo,
        _ => PyArithmetic.Power,
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
