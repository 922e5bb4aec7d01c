using Connectors.Vllm.ChatTemplates.Methods;
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

    /// <summary>Gets the slot; a missing value if nothing was assigned.</summary>
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

/// <summary><c>owner.name</c>.</summary>
internal sealed class AttributeExpr(Expr owner, string name, int position) : Expr(position)
{
    private readonly AttributeName _name = new(name);

    public Expr Owner => owner;

    public string Name => name;

    public AttributeName Attribute => _name;

    public override IEnumerable<Node> Children => [owner];

    public override Value Eval(Frame frame)
    {
        var value = owner.Eval(frame);
        frame.Context.Position = Position;
        return _name.Get(frame.Context, value);
    }
}

/// <summary><c>owner[key]</c>.</summary>
internal sealed class ItemExpr(Expr owner, Expr key, int position) : Expr(position)
{
    private readonly AttributeName? _name = key is ConstExpr { Value.IsString: true } constant ? new AttributeName(constant.Value.Text) : null;

    public Expr Owner => owner;

    public Expr Key => key;

    public override IEnumerable<Node> Children => [owner, key];

    public override Value Eval(Frame frame)
    {
        var value = owner.Eval(frame);
        if (_name is not null)
        {
            frame.Context.Position = Position;
            return _name.GetItem(frame.Context, value);
        }

        var index = key.Eval(frame);
        frame.Context.Position = Position;
        return ItemAccess.Get(frame.Context, value, index);
    }
}

/// <summary><c>owner[start:stop:step]</c>.</summary>
internal sealed class SliceExpr(Expr owner, Expr? start, Expr? stop, Expr? step, int position) : Expr(position)
{
    public Expr Owner => owner;

    public override IEnumerable<Node> Children => new[] { owner, start, stop, step }.OfType<Node>();

    public override Value Eval(Frame frame)
    {
        var value = owner.Eval(frame);
        var (from, to, by) = (start?.Eval(frame) ?? default, stop?.Eval(frame) ?? default, step?.Eval(frame) ?? default);
        frame.Context.Position = Position;
        return ItemAccess.Slice(frame.Context, value, from, to, by);
    }
}

/// <summary>
/// A slice among several keys, <c>owner[1:2, 3]</c>. No value has an item with such a key, so the result is undefined, as in Python.
/// </summary>
internal sealed class SliceKeyExpr(Expr? start, Expr? stop, Expr? step, int position) : Expr(position)
{
    public override IEnumerable<Node> Children => new[] { start, stop, step }.OfType<Node>();

    public override Value Eval(Frame frame) =>
        Value.Of(new SliceObject(start?.Eval(frame) ?? Value.None, stop?.Eval(frame) ?? Value.None, step?.Eval(frame) ?? Value.None));

    private sealed class SliceObject(Value start, Value stop, Value step) : PyObject
    {
        public override string TypeName => "slice";

        public override void WriteRepr(RenderContext context, TextBuilder output)
        {
            output.Append("slice");
            PyPrint.WriteItems(context, [start, stop, step], output, '(', ')', isTuple: false);
        }
    }
}
