using Connectors.Vllm.ChatTemplates.Methods;
using Connectors.Vllm.ChatTemplates.Scopes;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Expressions;

/// <summary>A chain of <c>+</c>, evaluated from the left. Chains of strings are written one after the other instead of joined in pairs.</summary>
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

/// <summary>An arithmetic operator other than <c>+</c>.</summary>
internal sealed class BinaryExpr(string symbol, Expr left, Expr right, int position) : Expr(position)
{
    private readonly Func<RenderContext, Value, Value, Value> _operation = symbol switch
    {
        "-" => PyArithmetic.Subtract,
        "*" => PyArithmetic.Multiply,
        "/" => PyArithmetic.Divide,
        "//" => PyArithmetic.FloorDivide,
        "%" => PercentFormat.Modulo,
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

/// <summary>The operator <c>~</c>: concatenates all operands as text.</summary>
internal sealed class ConcatExpr(Expr[] operands, int position) : Expr(position)
{
    public override IEnumerable<Node> Children => operands;

    public override Value Eval(Frame frame)
    {
        // All operands are evaluated first, because one of them may fail or write to the output in a macro.
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

/// <summary>A chain of comparisons: every adjacent pair must be true.</summary>
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
