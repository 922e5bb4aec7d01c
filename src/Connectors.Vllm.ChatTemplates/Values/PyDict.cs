namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>A dict in insertion order. Immutable once filled: the sandbox refuses every method that would change it.</summary>
internal sealed class PyDict : PyObject
{
    private const int LinearSearchLimit = 8;

    private Value[] _keys;
    private Value[] _values;
    private int _count;
    private Dictionary<Value, int>? _index;
    private object? _source;
    private readonly ContentScope _scope;

    public PyDict(int capacity = 4)
    {
        _keys = new Value[capacity];
        _values = new Value[capacity];
    }

    /// <summary>Creates a dict that is read from <paramref name="source"/> on first access.</summary>
    public PyDict(object source, ContentScope scope)
    {
        _keys = [];
        _values = [];
        _source = source;
        _scope = scope;
    }

    public override ValueKind Kind => ValueKind.Dict;

    public override string TypeName => "dict";

    public override int Length
    {
        get
        {
            Load();
            return _count;
        }
    }

    public override bool IsTruthy => Length > 0;

    public ReadOnlySpan<Value> Keys
    {
        get
        {
            Load();
            return _keys.AsSpan(0, _count);
        }
    }

    public ReadOnlySpan<Value> Values
    {
        get
        {
            Load();
            return _values.AsSpan(0, _count);
        }
    }

    public override PyIterator TryIterate()
    {
        Load();
        return PyIterator.Over(_keys, _count);
    }

    /// <summary>Gets the value of a string key.</summary>
    public bool TryGet(string key, out Value value)
    {
        Load();
        if (_count > LinearSearchLimit)
        {
            return TryGet(null, Value.Of(key), out value);
        }

        for (var i = 0; i < _count; i++)
        {
            if (_keys[i].IsString && string.Equals(_keys[i].Text, key, StringComparison.Ordinal))
            {
                value = _values[i];
                return true;
            }
        }

        value = default;
        return false;
    }

    /// <summary>Gets the value of any key. Without a context, the work has already been counted.</summary>
    public bool TryGet(RenderContext? context, Value key, out Value value)
    {
        Load();
        if (context is not null)
        {
            context.Spend(1);
            PyHash.RequireHashable(context, key);
        }

        var at = Find(key);
        value = at < 0 ? default : _values[at];
        return at >= 0;
    }

    /// <summary>Sets a key from the template while the dict is being created.</summary>
    public void Set(RenderContext context, Value key, Value value)
    {
        context.Spend(2);
        PyHash.RequireHashable(context, key);
        Set(key, value);
    }

    /// <summary>Sets a hashable key while the dict is being created; an existing key keeps its position and type.</summary>
    public void Set(Value key, Value value)
    {
        Load();
        var at = Find(key);
        if (at >= 0)
        {
            _values[at] = value;
            return;
        }

        if (_count == _keys.Length)
        {
            var capacity = Math.Max(4, _count * 2);
            Array.Resize(ref _keys, capacity);
            Array.Resize(ref _values, capacity);
        }

        _keys[_count] = key;
        _values[_count] = value;
        _index?.Add(key, _count);
        _count++;
    }

    private int Find(Value key)
    {
        if (_count <= LinearSearchLimit)
        {
            for (var i = 0; i < _count; i++)
            {
                if (PyCompare.AreEqual(null, _keys[i], key))
                {
                    return i;
                }
            }

            return -1;
        }

        // Created on first use and updated by Set. Not synchronized, because a dict belongs to one render.
        if (_index is null)
        {
            _index = new Dictionary<Value, int>(_count * 2, PyHash.Comparer);
            for (var i = 0; i < _count; i++)
            {
                _index.Add(_keys[i], i);
            }
        }

        return _index.TryGetValue(key, out var at) ? at : -1;
    }

    private void Load()
    {
        if (_source is { } source)
        {
            _source = null;
            ValueReader.ReadEntries(source, _scope, this);
        }
    }
}

/// <summary>The result of <c>keys()</c>, <c>values()</c> and <c>items()</c>.</summary>
internal sealed class DictView(PyDict dict, DictViewKind kind) : PyObject
{
    public override string TypeName => kind switch { DictViewKind.Keys => "dict_keys", DictViewKind.Values => "dict_values", _ => "dict_items" };

    public override int Length => dict.Length;

    public override bool IsTruthy => dict.Length > 0;

    public override PyIterator TryIterate() => kind == DictViewKind.Keys ? dict.TryIterate() : new ViewIterator(this);

    public Value ItemAt(int index) => kind switch
    {
        DictViewKind.Keys => dict.Keys[index],
        DictViewKind.Values => dict.Values[index],
        _ => PySequence.Tuple(dict.Keys[index], dict.Values[index]),
    };

    /// <summary>Evaluates the operator <c>in</c> if no iteration over all items is needed.</summary>
    public bool TryContains(RenderContext context, Value item, out bool found)
    {
        found = kind == DictViewKind.Keys && dict.TryGet(context, item, out _);
        return kind == DictViewKind.Keys;
    }

    /// <summary>Set equality of keys or items; views of values are equal only to themselves.</summary>
    public bool SameItems(RenderContext? context, DictView other)
    {
        if (kind == DictViewKind.Values || kind != other.View || Length != other.Length)
        {
            return ReferenceEquals(this, other);
        }

        for (var i = 0; i < dict.Length; i++)
        {
            if (!other.Find(context, dict.Keys[i], out var value)
                || (kind == DictViewKind.Items && !PyCompare.AreEqual(context, value, dict.Values[i])))
            {
                return false;
            }
        }

        return true;
    }

    private DictViewKind View => kind;

    private bool Find(RenderContext? context, Value key, out Value value) => dict.TryGet(context, key, out value);

    public Value Except(Value other) =>
        throw new PyException($"unsupported operand type(s) for -: '{TypeName}' and '{PyOps.TypeName(other)}'");

    public override void WriteRepr(RenderContext context, TextBuilder output)
    {
        output.Append(TypeName);
        output.Append('(');
        PyPrint.WriteItems(context, Enumerable.Range(0, Length).Select(ItemAt).ToArray(), output, '[', ']', isTuple: false);
        output.Append(')');
    }

    private sealed class ViewIterator(DictView view) : PyIterator
    {
        private int _next;

        public override string TypeName => "dict_itemiterator";

        public override bool Next(out Value item)
        {
            if (_next < view.Length)
            {
                item = view.ItemAt(_next++);
                return true;
            }

            item = default;
            return false;
        }
    }
}

internal enum DictViewKind : byte
{
    Keys,
    Values,
    Items,
}

/// <summary>Jinja's <c>namespace()</c>, the only object whose attributes a template can assign.</summary>
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
