namespace Connectors.Vllm.ChatTemplates;

/// <summary>A chain of comparisons: every neighbouring pair must hold.</summary>
internal sealed class CompareExpr(Expr first, string[] symbols, Expr[] operands, int position) : Expr(position)
{
    public override IEnumerable<Node> Children => [first, .. operands];

    public override Value Eval(Frame frame)
    {
        var left = first.Eval(frame);
        for (var i = 0; i < operands.Length; i++)
        {
            var right = operands[i].Eval(frame);
            frame.Context.Position = Position;
            if (!Holds(frame.Context, symbols[i], left, right))
            {
                return Value.False;
            }

            left = right;
        }

        return Value.True;
    }

    public static bool Holds(RenderContext context, string symbol, Value left, Value right)
    {
        switch (symbol)
        {
            case "==":
                context.Spend(1);
                return PyCompare.AreEqual(context, left, right);
            case "!=":
                context.Spend(1);
                return !PyCompare.AreEqual(context, left, right);
            case "in":
                return PyOps.Contains(context, right, left);
            case "not in":
                return !PyOps.Contains(context, right, left);
            default:
                var order = PyCompare.Compare(context, left, right, symbol);
                return symbol switch
                {
                    "<" => order == -1,
                    "<=" => order is -1 or 0,
                    ">" => order == 1,
                    _ => order is 0 or 1,
                };
        }
    }
}
