namespace Connectors.Vllm.ChatTemplates;

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
