namespace Connectors.Vllm.ChatTemplates;

/// <summary>The variable <c>self</c>: the template's blocks by name, to be written out once more.</summary>
internal sealed class TemplateReference(IReadOnlyDictionary<string, BlockStmt> blocks) : PyObject
{
    public override string TypeName => "TemplateReference";

    public override Value GetAttribute(RenderContext context, string name) =>
        blocks.TryGetValue(name, out var block) ? Value.Of(new BuiltinFunction(name, block.Call)) : default;

    public override void WriteRepr(RenderContext context, TextBuilder output) => output.Append("<TemplateReference None>");
}
