using System.Numerics;
using System.Runtime.CompilerServices;

namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>
/// A template value in two machine words: a reference to a string or an object, and a number. The number contains integers, booleans and floats, and
/// two flags of strings: completely marked as message content, and Markup.
/// </summary>
internal readonly struct Value
{
    private const long MarkedFlag = 1;
    private const long MarkupFlag = 2;

    public static readonly Value None = new(KindTag.None, 0);
    public static readonly Value True = new(KindTag.Bool, 1);
    public static readonly Value False = new(KindTag.Bool, 0);
    public static readonly Value EmptyString = new("", 0);

    private readonly object? _reference;
    private readonly long _number;

    private Value(object? reference, long number)
    {
        _reference = reference;
        _number = number;
    }

    public ValueKind Kind => _reference switch
    {
        null => ValueKind.Missing,
        string => ValueKind.String,
        _ => Unsafe.As<PyObject>(_reference).Kind,
    };

    public bool IsMissing => _reference is null;

    public bool IsString => _reference is string or PyText;

    public bool IsNone => ReferenceEquals(_reference, KindTag.None);

    public bool IsUndefined => _reference is Undefined;

    public bool IsInt => ReferenceEquals(_reference, KindTag.Int);

    public bool IsBool => ReferenceEquals(_reference, KindTag.Bool);

    public bool IsFloat => ReferenceEquals(_reference, KindTag.Float);

    /// <summary>The integer or the boolean.</summary>
    public long Number => _number;

    public bool Boolean => _number != 0;

    public double Double => BitConverter.Int64BitsToDouble(_number);

    /// <summary>The object, or null for a string without partial marks or a missing value.</summary>
    public PyObject? Object => _reference as PyObject;

    /// <summary>The string's text; only for <see cref="IsString"/>.</summary>
    public string Text => _reference as string ?? Unsafe.As<PyText>(_reference!).Text.Text;

    /// <summary>The string with its marks; only for <see cref="IsString"/>.</summary>
    public Str Str => _reference is string text
        ? new Str(text, (_number & MarkedFlag) != 0 && text.Length > 0 ? Marks.All : null, (_number & MarkupFlag) != 0)
        : Unsafe.As<PyText>(_reference!).Text;

    /// <summary>Gets the value as a string, if it is one.</summary>
    public bool TryGetStr(out Str text)
    {
        if (IsString)
        {
            text = Str;
            return true;
        }

        text = default;
        return false;
    }

    public static Value Of(bool value) => value ? True : False;

    public static Value Of(long value) => new(KindTag.Int, value);

    public static Value Of(double value) => new(KindTag.Float, BitConverter.DoubleToInt64Bits(value));

    public static Value Of(string text) => new(text, 0);

    public static Value Of(string text, bool marked) => new(text, marked ? MarkedFlag : 0);

    public static Value Of(PyObject value) => new(value, 0);

    public static Value Of(Str text)
    {
        var markup = text.IsMarkup ? MarkupFlag : 0;
        return text.Marks is null ? new(text.Text, markup)
            : Marks.IsAll(text.Marks) ? new(text.Text, MarkedFlag | markup)
            : new(new PyText(text), 0);
    }

    public static Value Of(BigInteger value)
    {
        if (value >= long.MinValue && value <= long.MaxValue)
        {
            return Of((long)value);
        }

        return value.GetBitLength() <= BigInt.MaxBits
            ? new(new BigInt(value), 0)
            : throw new PyException($"an integer of more than {BigInt.MaxBits} bits is not allowed");
    }
}

/// <summary>The Python type of a template value, as far as operators and filters distinguish types.</summary>
internal enum ValueKind : byte
{
    /// <summary>No value: an unassigned variable or a missing argument.</summary>
    Missing,
    Undefined,
    None,
    Bool,
    Int,
    BigInt,
    Float,
    String,
    List,
    Tuple,
    Dict,

    /// <summary>Any other type, determined by the subclass of <see cref="PyObject"/>.</summary>
    Object,
}

/// <summary>Identifies the type of a <see cref="Value"/> whose content is only a number: None, booleans, 64-bit integers, floats.</summary>
internal sealed class KindTag : PyObject
{
    public static readonly KindTag None = new(ValueKind.None, "NoneType");
    public static readonly KindTag Bool = new(ValueKind.Bool, "bool");
    public static readonly KindTag Int = new(ValueKind.Int, "int");
    public static readonly KindTag Float = new(ValueKind.Float, "float");

    private KindTag(ValueKind kind, string typeName)
    {
        Kind = kind;
        TypeName = typeName;
    }

    public override ValueKind Kind { get; }

    public override string TypeName { get; }
}

/// <summary>Jinja's Undefined: prints as an empty string, is falsy and empty, and raises its message for any other operation.</summary>
internal sealed class Undefined : PyObject
{
    private readonly string? _hint;
    private readonly string? _name;
    private readonly Value _owner;

    private Undefined(string? hint, string? name, Value owner)
    {
        _hint = hint;
        _name = name;
        _owner = owner;
    }

    public override ValueKind Kind => ValueKind.Undefined;

    public override string TypeName => "Undefined";

    public override bool IsTruthy => false;

    public override int Length => 0;

    private string Message => _hint
        ?? (_owner.IsMissing ? $"'{_name}' is undefined"
        : $"'{PyOps.ObjectTypeName(_owner)}' has no attribute '{_name}'");

    public static Value Variable(string name) => Value.Of(new Undefined(null, name, default));

    public static Value Member(Value owner, string name) => Value.Of(new Undefined(null, name, owner));

    public static Value Because(string hint) => Value.Of(new Undefined(hint, null, default));

    /// <summary>Creates the error for using the undefined value.</summary>
    public PyException Error() => new(Message);

    public override Value GetAttribute(RenderContext context, string name) =>
        name.StartsWith("__", StringComparison.Ordinal) ? default : throw Error();

    public override PyIterator TryIterate() => PyIterator.Empty();

    public override Value Call(RenderContext context, CallArguments arguments) => throw Error();

    public override bool IsCallable => true;

    public override void WriteRepr(RenderContext context, TextBuilder output) => output.Append("Undefined");
}
