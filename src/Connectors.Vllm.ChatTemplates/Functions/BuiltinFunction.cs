namespace Connectors.Vllm.ChatTemplates;

/// <summary>A global function of the template environment.</summary>
internal sealed class BuiltinFunction(string name, Func<RenderContext, CallArguments, Value> body) : PyObject
{
    public override string TypeName => "function";

    public override bool IsCallable => true;

    public override Value Call(RenderContext context, CallArguments arguments) => body(context, arguments);

    public override void WriteRepr(RenderContext context, TextBuilder output) => output.Append($"<function {name}>");
}
