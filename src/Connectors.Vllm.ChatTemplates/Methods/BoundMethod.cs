namespace Connectors.Vllm.ChatTemplates;

/// <summary>A method together with its object: what <c>x.method</c> without a call gives.</summary>
internal sealed class BoundMethod(Value self, Method method) : PyObject
{
    public override string TypeName => "builtin_function_or_method";

    public override bool IsCallable => true;

    public override Value Call(RenderContext context, CallArguments arguments) => method.Invoke(context, self, arguments);

    public override void WriteRepr(RenderContext context, TextBuilder output) =>
        output.Append($"<built-in method {method.Signature.Name} of {PyOps.TypeName(self)} object>");
}
