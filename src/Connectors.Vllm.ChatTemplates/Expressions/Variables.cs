using Connectors.Vllm.ChatTemplates.Scopes;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Expressions;

/// <summary>A variable, read or assigned.</summary>
internal sealed class NameExpr(string name, int position) : Expr(position)
{
    private Place _place;
    private bool _isExported;

    public string Name => name;

    /// <summary>How the name is used; set by the parser while it still builds the tree.</summary>
    public NameUse Use { get; set; }

    public override IEnumerable<Node> Children => [];

    public override void Declare(Symbols symbols)
    {
        switch (Use)
        {
            case NameUse.Read:
                symbols.Read(name);
                break;
            case NameUse.Store:
                symbols.Store(name);
                break;
            default:
                symbols.DeclareParameter(name);
                break;
        }
    }

    public override void Bind(Scope scope)
    {
        _place = scope.PlaceOf(name);
        _isExported = scope.IsTopLevel && Use == NameUse.Store;
    }

    public override Value Eval(Frame frame)
    {
        var value = _place.Get(frame);
        return value.IsMissing ? Undefined.Variable(name) : value;
    }

    public override void Assign(Frame frame, Value value)
    {
        _place.Set(frame, value);
        if (_isExported)
        {
            frame.Context.Export(name, value);
        }
    }

    /// <summary>The raw slot: a missing value when nothing was assigned.</summary>
    public Value Peek(Frame frame) => _place.Get(frame);
}

internal enum NameUse : byte
{
    Read,
    Store,
    Parameter,
}

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
