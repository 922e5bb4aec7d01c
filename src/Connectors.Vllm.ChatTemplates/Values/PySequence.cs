using System.Globalization;

namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>A list or a tuple. Both are immutable, because the sandbox refuses every method that would change a list.</summary>
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

    /// <summary>Creates a list that is read from <paramref name="source"/> on first access.</summary>
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

/// <summary>Python's range; the sandbox allows at most 100,000 items.</summary>
internal sealed class RangeObject : PyObject
{
    private const int MaxItems = 100_000;

    private readonly long _start;
    private readonly long _step;
    private readonly long _stop;
    private readonly int _count;

    public RangeObject(long start, long stop, long step)
    {
        if (step == 0)
        {
            throw new PyException("range() arg 3 must not be zero");
        }

        (_start, _stop, _step) = (start, stop, step);
        var count = step > 0 ? ((decimal)stop - start + step - 1) / step : ((decimal)start - stop - step - 1) / -(decimal)step;
        count = Math.Max(0, Math.Floor(count));
        _count = count <= MaxItems
            ? (int)count
            : throw new PyException($"Range too big. The sandbox blocks ranges larger than MAX_RANGE ({MaxItems}).");
    }

    public override string TypeName => "range";

    public override int Length => _count;

    public override bool IsTruthy => _count > 0;

    public Value ItemAt(long index) => Value.Of(_start + (index * _step));

    public bool SameItems(RangeObject other) =>
        _count == other._count && (_count == 0 || (_start == other._start && (_count == 1 || _step == other._step)));

    public RangeObject Slice(Value start, Value stop, Value step)
    {
        var (first, last, stride) = PyStrings.SliceBounds(start, stop, step, _count);
        return new RangeObject(_start + (first * _step), _start + (last * _step), _step * stride);
    }

    public override Value GetAttribute(RenderContext context, string name) => name switch
    {
        "start" => Value.Of(_start),
        "stop" => Value.Of(_stop),
        "step" => Value.Of(_step),
        _ => default,
    };

    public override PyIterator TryIterate() => PyIterator.Over(Enumerable.Range(0, _count).Select(index => ItemAt(index)));

    public override void WriteRepr(RenderContext context, TextBuilder output) => output.Append(
        _step == 1
            ? string.Create(CultureInfo.InvariantCulture, $"range({_start}, {_stop})")
            : string.Create(CultureInfo.InvariantCulture, $"range({_start}, {_stop}, {_step})"));
}

/// <summary>A group of groupby: a pair with the attributes grouper and list.</summary>
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
