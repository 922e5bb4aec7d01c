namespace Connectors.Vllm.ChatTemplates;

/// <summary>A group of groupby: a pair that also has the attributes grouper and list.</summary>
internal sealed class GroupTuple(Value grouper, Value list) : PyObject
{
    private readonly PySequence _pair = new([grouper, list], isTuple: true);

    public override string TypeName => "_GroupTuple";

    public override int Length => 2;

    public override PyIterator TryIterate() => _pair.TryIterate();

    public Value ItemAt(long index) => index is 0 or -2 ? grouper : index is 1 or -1 ? list : default;

    public override Value GetAttribute(RenderContext context, string name) => name switch
    {
        "grouper" => grouper,
        "list" => list,
        _ => default,
    };

    public override void WriteRepr(RenderContext context, TextBuilder output) => PyPrint.WriteRepr(context, Value.Of(_pair), output);
}
