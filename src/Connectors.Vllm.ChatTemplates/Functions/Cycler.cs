namespace Connectors.Vllm.ChatTemplates;

/// <summary>Jinja's <c>cycler(…)</c>.</summary>
internal sealed class Cycler(Value[] items) : PyObject
{
    private int _at;

    public override string TypeName => "Cycler";

    public override Value GetAttribute(RenderContext context, string name) => name switch
    {
        "current" => items[_at],
        "pos" => Value.Of(_at),
        "items" => PySequence.Tuple(items),
        "next" => Value.Of(new BuiltinFunction("next", (_, _) => Next())),
        "reset" => Value.Of(new BuiltinFunction("reset", (_, _) =>
        {
            _at = 0;
            return Value.None;
        })),
        _ => default,
    };

    private Value Next()
    {
        var item = items[_at];
        _at = (_at + 1) % items.Length;
        return item;
    }
}
