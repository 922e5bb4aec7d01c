namespace Connectors.Vllm.ChatTemplates;

/// <summary>A list or a tuple. Both are immutable here: the sandbox refuses every method that would change a list.</summary>
internal sealed class PySequence : PyObject
{
    private Value[]? _items;
    private object? _source;
    private readonly ContentScope _scope;

    public PySequence(Value[] items, bool isTuple = false)
    {
        _items = items;
        IsTuple = isTuple;
    }

    /// <summary>A list read from <paramref name="source"/> when it is first looked at.</summary>
    public PySequence(object source, ContentScope scope)
    {
        _source = source;
        _scope = scope;
    }

    public bool IsTuple { get; }

    public Value[] Items => _items ?? Load();

    public override ValueKind Kind => IsTuple ? ValueKind.Tuple : ValueKind.List;

    public override string TypeName => IsTuple ? "tuple" : "list";

    public override int Length => Items.Length;

    public override bool IsTruthy => Items.Length > 0;

    public override PyIterator TryIterate() => PyIterator.Over(Items, Items.Length);

    public static Value Tuple(params Value[] items) => Value.Of(new PySequence(items, isTuple: true));

    public static Value List(Value[] items) => Value.Of(new PySequence(items));

    private Value[] Load()
    {
        _items = ValueReader.ReadItems(_source!, _scope);
        _source = null;
        return _items;
    }
}
