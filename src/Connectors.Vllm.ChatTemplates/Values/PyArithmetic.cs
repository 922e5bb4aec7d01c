using System.Numerics;

namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>Python's arithmetic operators.</summary>
internal static class PyArithmetic
{
    public static Value Add(RenderContext context, Value left, Value right)
    {
        if (left.IsInt && right.IsInt)
        {
            var sum = left.Number + right.Number;
            return ((left.Number ^ sum) & (right.Number ^ sum)) < 0 ? Value.Of((BigInteger)left.Number + right.Number) : Value.Of(sum);
        }

        if (left.IsString && right.IsString)
        {
            return PyStrings.Add(context, left.Str, right.Str);
        }

        if (IsNumber(left) && IsNumber(right))
        {
            return left.IsFloat || right.IsFloat
                ? Value.Of(PyNumber.ToDouble(left) + PyNumber.ToDouble(right))
                : Value.Of(PyNumber.ToBigInteger(left) + PyNumber.ToBigInteger(right));
        }

        if (left.Object is PySequence list && right.Object is PySequence other && list.IsTuple == other.IsTuple)
        {
            context.Spend(list.Length + other.Length);
            return Value.Of(new PySequence([.. list.Items, .. other.Items], list.IsTuple));
        }

        throw Unsupported("+", left, right);
    }

    public static Value Subtract(RenderContext context, Value left, Value right)
    {
        SpendBig(context, left, right);
        if (!IsNumber(left) || !IsNumber(right))
        {
            if (left.Object is DictView keys && right.Object is not null)
            {
                return keys.Except(right);
            }

            throw Unsupported("-", left, right);
        }

        if (left.IsFloat || right.IsFloat)
        {
            return Value.Of(PyNumber.ToDouble(left) - PyNumber.ToDouble(right));
        }

        return left.Kind != ValueKind.BigInt && right.Kind != ValueKind.BigInt && IsSmall(left.Number) && IsSmall(right.Number)
            ? Value.Of(left.Number - right.Number)
            : Value.Of(PyNumber.ToBigInteger(left) - PyNumber.ToBigInteger(right));
    }

    public static Value Multiply(RenderContext context, Value left, Value right)
    {
        SpendBig(context, left, right);
        if (IsNumber(left) && IsNumber(right))
        {
            return left.IsFloat || right.IsFloat
                ? Value.Of(PyNumber.ToDouble(left) * PyNumber.ToDouble(right))
                : Value.Of(PyNumber.ToBigInteger(left) * PyNumber.ToBigInteger(right));
        }

        if (IsInteger(right) && (left.IsString || left.Object is PySequence))
        {
            return Repeat(context, left, right);
        }

        if (IsInteger(left) && (right.IsString || right.Object is PySequence))
        {
            return Repeat(context, right, left);
        }

        throw Unsupported("*", left, right);
    }

    public static Value Divide(RenderContext context, Value left, Value right)
    {
        SpendBig(context, left, right);
        if (!IsNumber(left) || !IsNumber(right))
        {
            throw Unsupported("/", left, right);
        }

        if (!left.IsFloat && !right.IsFloat && (left.Kind == ValueKind.BigInt || right.Kind == ValueKind.BigInt))
        {
            return PyNumber.Divide(PyNumber.ToBigInteger(left), PyNumber.ToBigInteger(right));
        }

        var divisor = PyNumber.ToDouble(right);
        return divisor == 0 ? throw new PyException("division by zero") : Value.Of(PyNumber.ToDouble(left) / divisor);
    }

    public static Value FloorDivide(RenderContext context, Value left, Value right)
    {
        SpendBig(context, left, right);
        if (!IsNumber(left) || !IsNumber(right))
        {
            throw Unsupported("//", left, right);
        }

        if (left.IsFloat || right.IsFloat)
        {
            var (x, y) = (PyNumber.ToDouble(left), PyNumber.ToDouble(right));
            if (y == 0)
            {
                throw new PyException("float floor division by zero");
            }

            var quotient = (x - FloatModulo(x, y)) / y;
            var floor = Math.Floor(quotient);
            return Value.Of(quotient == 0 ? Math.CopySign(0, x / y) : quotient - floor > 0.5 ? floor + 1 : floor);
        }

        var divisor = PyNumber.ToBigInteger(right);
        if (divisor.IsZero)
        {
            throw new PyException("integer division or modulo by zero");
        }

        var whole = BigInteger.DivRem(PyNumber.ToBigInteger(left), divisor, out var remainder);
        return Value.Of(!remainder.IsZero && remainder.Sign != divisor.Sign ? whole - 1 : whole);
    }

    /// <summary>The operator <c>%</c> on numbers.</summary>
    public static Value Modulo(RenderContext context, Value left, Value right)
    {
        if (!IsNumber(left) || !IsNumber(right))
        {
            throw Unsupported("%", left, right);
        }

        SpendBig(context, left, right);

        if (left.IsFloat || right.IsFloat)
        {
            var (x, y) = (PyNumber.ToDouble(left), PyNumber.ToDouble(right));
            return y == 0 ? throw new PyException("float modulo") : Value.Of(FloatModulo(x, y));
        }

        if (left.Kind != ValueKind.BigInt && right.Kind != ValueKind.BigInt && right.Number > 0)
        {
            var small = left.Number % right.Number;
            return Value.Of(small < 0 ? small + right.Number : small);
        }

        var divisor = PyNumber.ToBigInteger(right);
        if (divisor.IsZero)
        {
            throw new PyException("integer division or modulo by zero");
        }

        var remainder = PyNumber.ToBigInteger(left) % divisor;
        return Value.Of(!remainder.IsZero && remainder.Sign != divisor.Sign ? remainder + divisor : remainder);
    }

    public static Value Power(RenderContext context, Value left, Value right)
    {
        SpendBig(context, left, right);
        if (!IsNumber(left) || !IsNumber(right))
        {
            throw Unsupported("**", left, right);
        }

        if (left.IsFloat || right.IsFloat || PyNumber.ToBigInteger(right).Sign < 0)
        {
            var (x, y) = (PyNumber.ToDouble(left), PyNumber.ToDouble(right));
            if (x == 0 && y < 0)
            {
                throw new PyException("0.0 cannot be raised to a negative power");
            }

            var real = Math.Pow(x, y);
            return double.IsNaN(real) && !double.IsNaN(x) && !double.IsNaN(y) ? throw new PyException("a power of a negative number is complex")
                : double.IsInfinity(real) && double.IsFinite(x) && double.IsFinite(y) ? throw new PyException("(34, 'Numerical result out of range')")
                : Value.Of(real);
        }

        var (number, exponent) = (PyNumber.ToBigInteger(left), PyNumber.ToBigInteger(right));
        if (BigInteger.Abs(number) <= 1)
        {
            return Value.Of(number.IsZero ? (exponent.IsZero ? 1 : 0) : number.Sign < 0 && !exponent.IsEven ? -1 : 1);
        }

        // A number of n bits is at least 2^(n-1).
        if (exponent * Math.Max(1, BigInteger.Abs(number).GetBitLength() - 1) > BigInt.MaxBits)
        {
            throw new PyException($"an integer of more than {BigInt.MaxBits} bits is not allowed");
        }

        var power = BigInteger.Pow(number, (int)exponent);
        SpendBits(context, power.GetBitLength(), power.GetBitLength());
        return Value.Of(power);
    }

    public static Value Negate(Value value)
    {
        ThrowIfNoNumber(value, "-");
        return value.IsFloat ? Value.Of(-value.Double)
            : value.Kind != ValueKind.BigInt && value.Number != long.MinValue ? Value.Of(-value.Number)
            : Value.Of(-PyNumber.ToBigInteger(value));
    }

    public static Value Plus(Value value)
    {
        ThrowIfNoNumber(value, "+");
        return value.IsBool ? Value.Of(value.Number) : value;
    }

    /// <summary>Counts the work on integers beyond 64 bits, which grows with the product of their lengths.</summary>
    public static void SpendBits(RenderContext context, long bits, long otherBits) => context.Spend(50 + (bits * otherBits >> 14));

    private static void SpendBig(RenderContext context, Value left, Value right)
    {
        if (left.Kind == ValueKind.BigInt || right.Kind == ValueKind.BigInt)
        {
            SpendBits(context, Bits(left), Bits(right));
        }

        static long Bits(Value value) => value.Object is BigInt big ? big.Number.GetBitLength() : 64;
    }

    private static Value Repeat(RenderContext context, Value value, Value times)
    {
        if (times.Kind == ValueKind.BigInt)
        {
            throw new PyException("cannot fit 'int' into an index-sized integer");
        }

        var count = Math.Max(0, PyNumber.ToIndex(times));
        if (value.TryGetStr(out var text))
        {
            context.SpendText((long)text.Length * count);
            var output = context.Output;
            var start = output.Length;
            if (text.Length == 1)
            {
                output.Append(text.Text[0], count);
                if (text.Marks is not null)
                {
                    output.MarkFrom(start);
                }

                return Value.Of(output.Cut(start, text.IsMarkup));
            }

            for (var i = 0; i < count && text.Length > 0; i++)
            {
                context.Spend(1);
                output.Append(text);
            }

            return Value.Of(output.Cut(start, text.IsMarkup));
        }

        var sequence = (PySequence)value.Object!;
        var length = (long)sequence.Length * count;
        context.Spend(length);
        if (length > 10_000_000)
        {
            throw new PyException("a repeated list is too long");
        }

        var items = new Value[length];
        for (var i = 0; i < items.Length; i++)
        {
            items[i] = sequence.Items[i % sequence.Length];
        }

        return Value.Of(new PySequence(items, sequence.IsTuple));
    }

    private static double FloatModulo(double x, double y)
    {
        var remainder = x % y;
        return remainder != 0 ? ((remainder < 0) != (y < 0) ? remainder + y : remainder) : Math.CopySign(0, y);
    }

    private static bool IsSmall(long number) => number is > -(1L << 60) and < 1L << 60;

    private static bool IsNumber(Value value) => PyCompare.IsNumber(value.Kind);

    private static bool IsInteger(Value value) => value.Kind is ValueKind.Int or ValueKind.Bool or ValueKind.BigInt;

    private static void ThrowIfNoNumber(Value value, string symbol)
    {
        if (!IsNumber(value))
        {
            PyOps.ThrowIfUndefined(value);
            throw new PyException($"bad operand type for unary {symbol}: '{PyOps.TypeName(value)}'");
        }
    }

    private static PyException Unsupported(string symbol, Value left, Value right)
    {
        PyOps.ThrowIfUndefined(left);
        PyOps.ThrowIfUndefined(right);
        return new PyException($"unsupported operand type(s) for {symbol}: '{PyOps.TypeName(left)}' and '{PyOps.TypeName(right)}'");
    }
}
