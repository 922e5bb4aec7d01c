using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Methods;

/// <summary>A method of a built-in type, with bound arguments (<see cref="Signature"/> set) or as they were given.</summary>
internal sealed class Method
{
    private readonly Func<RenderContext, Value, Value[], Value>? _bound;
    private readonly Func<RenderContext, Value, CallArguments, Value>? _open;

    public Method(string name, string parameters, Func<RenderContext, Value, Value[], Value> body)
    {
        Signature = new Signature(name, parameters);
        _bound = body;
    }

    public Method(string name, Func<RenderContext, Value, CallArguments, Value> body)
    {
        Signature = new Signature(name, "");
        _open = body;
    }

    public Signature Signature { get; }

    public Value Invoke(RenderContext context, Value self, CallArguments arguments) =>
        _open is not null ? _open(context, self, arguments) : _bound!(context, self, arguments.Bind(Signature));

    /// <summary>An optional argument, or a missing value.</summary>
    public static Value Argument(Value[] arguments, int index) => index < arguments.Length ? arguments[index] : default;
}

/// <summary>A method together with its object: what <c>x.method</c> without a call gives.</summary>
internal sealed class BoundMethod(Value self, Method method) : PyObject
{
    public override string TypeName => "builtin_function_or_method";

    public override bool IsCallable => true;

    public override Value Call(RenderContext context, CallArguments arguments) => method.Invoke(context, self, arguments);

    public override void WriteRepr(RenderContext context, TextBuilder output) =>
        output.Append($"<built-in method {method.Signature.Name} of {PyOps.TypeName(self)} object>");
}
