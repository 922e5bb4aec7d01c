using Connectors.Vllm.ChatTemplates.Scopes;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Expressions;

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

internal sealed class NotExpr(Expr operand, int position) : Expr(position)
{
    public override IEnumerable<Node> Children => [operand];

    public override Value Eval(Frame frame) => Value.Of(!PyOps.IsTruthy(operand.Eval(frame)));
}

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
            if (!PyCompare.Holds(frame.Context, symbols[i], left, right))
            {
                return Value.False;
            }

            left = right;
        }

        return Value.True;
    }
}

/// <summary><c>a if test else b</c>; without else the alternative is undefined.</summary>
internal sealed class CondExpr(Expr test, Expr then, Expr? otherwise, int position) : Expr(position)
{
    public override IEnumerable<Node> Children => otherwise is null ? [test, then] : [test, then, otherwise];

    public override void Bind(Scope scope) => base.Bind(scope.Conditional());

    public override Value Eval(Frame frame) =>
        PyOps.IsTruthy(test.Eval(frame)) ? then.Eval(frame)
        : otherwise is not null ? otherwise.Eval(frame)
        : Undefined.Because("the inline if-expression evaluated to false and no else section was defined.");

    public override void WriteTo(Frame frame)
    {
        if (PyOps.IsTruthy(test.Eval(frame)))
        {
            then.WriteTo(frame);
        }
        else
        {
            otherwise?.WriteTo(frame);
        }
    }
}
