namespace Connectors.Vllm.ChatTemplates;

/// <summary>The target of <c>set ns.attribute = …</c>.</summary>
internal sealed class NamespaceTarget(string name, string attribute, int position) : Expr(position)
{
    private Place _place;

    public override IEnumerable<Node> Children => [];

    public override void Declare(Symbols symbols) => symbols.Read(name);

    public override void Bind(Scope scope) => _place = scope.PlaceOf(name);

    public override Value Eval(Frame frame) => throw new PyException("a namespace target has no value");

    public override void Assign(Frame frame, Value value)
    {
        frame.Context.Position = Position;
        if (_place.Get(frame).Object is not NamespaceObject target)
        {
            throw new PyException("cannot assign attribute on non-namespace object");
        }

        target.Set(attribute, value);
    }
}
