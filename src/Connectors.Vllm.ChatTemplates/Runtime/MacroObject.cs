namespace Connectors.Vllm.ChatTemplates;

/// <summary>A macro as a value: its function and the frame it was made in.</summary>
internal sealed class MacroObject(MacroFunction function, string[] parameters, Frame closure) : PyObject
{
    public override string TypeName => "Macro";

    public override bool IsCallable => true;

    public override Value GetAttribute(RenderContext context, string name) => name switch
    {
        "name" => function.Name is { } own ? Value.Of(own) : Value.None,
        "arguments" => PySequence.Tuple(Array.ConvertAll(parameters, Value.Of)),
        _ => default,
    };

    public override Value Call(RenderContext context, CallArguments arguments)
    {
        var start = context.Output.Length;
        function.Run(context, closure, arguments);
        return Value.Of(context.Output.Cut(start));
    }

    /// <summary>Calls the macro and lets it write to the output directly.</summary>
    public void CallInto(RenderContext context, CallArguments arguments) => function.Run(context, closure, arguments);

    public override void WriteRepr(RenderContext context, TextBuilder output) =>
        output.Append(function.Name is null ? "<Macro anonymous>" : $"<Macro '{function.Name}'>");
}
