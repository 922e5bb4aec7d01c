namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>Jinja's Undefined: prints as nothing, is falsy and empty, and raises its message when more is asked of it.</summary>
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

    /// <summary>The error of using the undefined value as if it were something.</summary>
    public PyException Error() => new(Message);

    public override Value GetAttribute(RenderContext context, string name) =>
        name.StartsWith("__", StringComparison.Ordinal) ? default : throw Error();

    public override PyIterator TryIterate() => PyIterator.Empty();

    public override Value Call(RenderContext context, CallArguments arguments) => throw Error();

    public override bool IsCallable => true;

    public override void WriteRepr(RenderContext context, TextBuilder output) => output.Append("Undefined");
}
