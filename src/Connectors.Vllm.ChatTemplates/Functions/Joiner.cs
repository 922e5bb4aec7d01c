namespace Connectors.Vllm.ChatTemplates;

/// <summary>Jinja's <c>joiner(sep)</c>: nothing on the first call, the separator on all others.</summary>
internal sealed class Joiner(Value separator) : PyObject
{
    private bool _used;

    public override string TypeName => "Joiner";

    public override bool IsCallable => true;

    public override Value GetAttribute(RenderContext context, string name) => name switch
    {
        "sep" => separator,
        "used" => Value.Of(_used),
        _ => default,
    };

    public override Value Call(RenderContext context, CallArguments arguments)
    {
        if (arguments.Positional.Length + arguments.Keywords.Length > 0)
        {
            throw new PyException("a joiner takes no arguments");
        }

        var first = !_used;
        _used = true;
        return first ? Value.EmptyString : separator;
    }
}
