using System.Numerics;
using Connectors.Vllm.ChatTemplates.Methods;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Filters;

/// <summary>Filters on numbers.</summary>
internal static class NumberFilters
{
    public static Method[] All { get; } =
    [
        new("abs", "", Abs),
        new("int", "default? base?", Int),
        new("float", "default?", Float),
        new("round", "precision? method?", Round),
        new("filesizeformat", "binary?", FileSize),
    ];

    private static Value Abs(RenderContext context, Value value, Value[] arguments) => value.Kind switch
    {
        ValueKind.Float => Value.Of(Math.Abs(value.Double)),
        ValueKind.Int or ValueKind.Bool or ValueKind.BigInt => Value.Of(BigInteger.Abs(PyNumber.ToBigInteger(value))),
        ValueKind.Undefined => throw ((Undefined)value.Object!).Error(),
        _ => throw new PyException($"bad operand type for abs(): '{PyOps.TypeName(value)}'"),
    };

    private static Value Int(RenderContext context, Value value, Value[] arguments)
    {
        PyOps.ThrowIfUndefined(value);
        var otherwise = Method.Argument(arguments, 0) is { IsMissing: false } given ? given : Value.Of(0);
        switch (value.Kind)
        {
            case ValueKind.Int or ValueKind.BigInt:
                return value;
            case ValueKind.Bool:
                return Value.Of(value.Number);
            case ValueKind.Float:
                return double.IsNaN(value.Double) ? otherwise : Truncate(value.Double, otherwise);
            case ValueKind.String:
                var radix = Method.Argument(arguments, 1) is { IsMissing: false } own ? PyNumber.ToIndex(own) : 10;
                context.SpendText(value.Text.Length);
                context.Spend(Math.Min(value.Text.Length, BigInt.MaxBits) * Math.Min(value.Text.Length, BigInt.MaxBits) >> 10);
                return PyNumber.TryParseInteger(value.Text, radix, out var number) ? number
                    : PyNumber.TryParseFloat(value.Text, out var real) && !double.IsNaN(real) ? Truncate(real, otherwise)
                    : otherwise;
            default:
                return otherwise;
        }
    }

    // Infinity is an OverflowError in Python, for which newer versions of jinja2 return the default.
    private static Value Truncate(double number, Value otherwise) =>
        double.IsInfinity(number) ? otherwise : PyNumber.FromDouble(Math.Truncate(number));

    private static Value Float(RenderContext context, Value value, Value[] arguments)
    {
        PyOps.ThrowIfUndefined(value);
        context.Spend(value.IsString ? value.Text.Length >> 2 : 0);
        var otherwise = Method.Argument(arguments, 0) is { IsMissing: false } given ? given : Value.Of(0.0);
        return PyCompare.IsNumber(value.Kind) ? Value.Of(PyNumber.ToDouble(value))
            : value.IsString && PyNumber.TryParseFloat(value.Text, out var number) ? Value.Of(number)
            : otherwise;
    }

    private static Value Round(RenderContext context, Value value, Value[] arguments)
    {
        var precision = Method.Argument(arguments, 0) is { IsMissing: false } given ? PyNumber.ToIndex(given) : 0;
        var method = Method.Argument(arguments, 1) is { IsMissing: false } named ? PyPrint.ToStr(context, named).Text : "common";
        if (method is not ("common" or "ceil" or "floor"))
        {
            throw new PyException("method must be common, ceil or floor");
        }

        if (!PyCompare.IsNumber(value.Kind))
        {
            PyOps.ThrowIfUndefined(value);
            throw new PyException($"type {PyOps.TypeName(value)} doesn't define __round__ method");
        }

        context.Spend(Math.Abs((long)precision) < 20 ? 1 : 100);
        if (method == "common")
        {
            return value.IsFloat ? Value.Of(PyNumber.Round(value.Double, precision)) : RoundInteger(PyNumber.ToBigInteger(value), precision);
        }

        if (Math.Abs(precision) > 300)
        {
            throw new PyException("the precision of round is too large");
        }

        var scale = precision >= 0 ? Value.Of(BigInteger.Pow(10, precision)) : Value.Of(Math.Pow(10, precision));
        var scaled = PyNumber.ToDouble(PyArithmetic.Multiply(context, value, scale));
        var whole = PyNumber.FromDouble(method == "ceil" ? Math.Ceiling(scaled) : Math.Floor(scaled));
        return PyArithmetic.Divide(context, whole, scale);
    }

    private static Value RoundInteger(BigInteger number, int precision)
    {
        if (precision >= 0)
        {
            return Value.Of(number);
        }

        // Ten to that power is more than twice the number.
        if (-precision > (number.GetBitLength() * 0.302) + 2)
        {
            return Value.Of(0);
        }

        var unit = BigInteger.Pow(10, -precision);
        var quotient = BigInteger.DivRem(BigInteger.Abs(number), unit, out var rest);
        var half = (rest * 2).CompareTo(unit);
        quotient += half > 0 || (half == 0 && !quotient.IsEven) ? 1 : 0;
        return Value.Of(quotient * unit * number.Sign);
    }

    private static Value FileSize(RenderContext context, Value value, Value[] arguments)
    {
        context.SpendText(value.IsString ? value.Text.Length : 0);
        var bytes = PyCompare.IsNumber(value.Kind) ? PyNumber.ToDouble(value)
            : value.IsString && PyNumber.TryParseFloat(value.Text, out var number) ? number
            : throw new PyException($"filesizeformat needs a number, not {PyOps.TypeName(value)}");
        var isBinary = PyOps.IsTruthy(Method.Argument(arguments, 0));
        double unit = isBinary ? 1024 : 1000;
        if (bytes == 1)
        {
            return Value.Of("1 Byte");
        }

        if (bytes < unit)
        {
            return Value.Of(PyNumber.ToText(PyNumber.ToBigInteger(PyNumber.FromDouble(bytes))) + " Bytes");
        }

        var size = bytes / unit;
        var prefix = 0;
        for (; prefix < 7 && size >= unit; prefix++)
        {
            size /= unit;
        }

        return Value.Of($"{PyNumber.FormatFixed(size, 1)} {(isBinary ? "KMGTPEZY"[prefix] : "kMGTPEZY"[prefix])}{(isBinary ? "iB" : "B")}");
    }
}
