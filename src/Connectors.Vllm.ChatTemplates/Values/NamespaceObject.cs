namespace Connectors.Vllm.ChatTemplates;

/// <summary>Jinja's <c>namespace()</c>: the one object a template can assign to.</summary>
internal sealed class NamespaceObject(PyDict attributes) : PyObject
{
    public override string TypeName => "Namespace";

    public void Set(string name, Value value) => attributes.Set(Value.Of(name), value);

    public override Value GetAttribute(RenderContext context, string name) => attributes.TryGet(name, out var value) ? value : default;

    public override void WriteRepr(RenderContext context, TextBuilder output)
    {
        output.Append("<Namespace ");
        PyPrint.WriteRepr(context, Value.Of(attributes), output);
        output.Append('>');
    }
}
