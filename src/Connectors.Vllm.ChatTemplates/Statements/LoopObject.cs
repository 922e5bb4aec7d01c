using System.Globalization;
using Connectors.Vllm.ChatTemplates.Scopes;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Statements;

/// <summary>The variable <c>loop</c>: position, neighbours, cycle, changed, and the call of a recursive loop.</summary>
internal sealed class LoopObject(ForStmt statement, Frame closure, Value iterable, PyIterator source, int depth) : PyObject
{
    private PyIterator _source = source;
    private int _index = -1;
    private int _length = -1;
    private Value _before;
    private Value _current;
    private Value _after;
    private Value[]? _lastChanged;

    public override string TypeName => "LoopContext";

    public override bool IsCallable => true;

    public override int Length
    {
        get
        {
            if (_length < 0)
            {
                var known = iterable.IsString ? Characters.Count(iterable.Text) : iterable.Object is PyIterator ? -1 : iterable.Object?.Length ?? -1;
                _length = known >= 0 ? known : CountRest();
            }

            return _length;
        }
    }

    /// <summary>Moves to the next item.</summary>
    public bool Next(out Value item)
    {
        if (!_after.IsMissing)
        {
            item = _after;
            _after = default;
        }
        else if (!_source.Next(out item))
        {
            return false;
        }

        _index++;
        _before = _current;
        _current = item;
        return true;
    }

    public override Value GetAttribute(RenderContext context, string name) => name switch
    {
        "index0" => Value.Of(_index),
        "index" => Value.Of(_index + 1),
        "first" => Value.Of(_index == 0),
        "last" => Value.Of(Peek().IsMissing),
        "previtem" => _index == 0 ? Undefined.Because("there is no previous item") : _before,
        "nextitem" => Peek() is { IsMissing: false } next ? next : Undefined.Because("there is no next item"),
        "length" => Value.Of(Length),
        "revindex" => Value.Of(Length - _index),
        "revindex0" => Value.Of(Length - _index - 1),
        "depth" => Value.Of(depth + 1),
        "depth0" => Value.Of(depth),
        "cycle" => Value.Of(new BuiltinFunction("cycle", (_, arguments) => arguments.Positional.Length == 0
            ? throw new PyException("no items for cycling given")
            : arguments.Positional[_index % arguments.Positional.Length])),
        "changed" => Value.Of(new BuiltinFunction("changed", (_, arguments) => Changed(arguments.Positional))),
        _ => default,
    };

    /// <summary>Iterating the loop variable goes through the remaining rounds.</summary>
    public override PyIterator TryIterate() => PyIterator.Over(Rest());

    public override Value Call(RenderContext context, CallArguments arguments)
    {
        arguments.RequireNoKeywords("loop");
        return arguments.Positional.Length == 1
            ? statement.Recurse(closure, arguments.Positional[0], depth + 1)
            : throw new PyException("loop() takes exactly one argument");
    }

    public override void WriteRepr(RenderContext context, TextBuilder output) =>
        output.Append(string.Create(CultureInfo.InvariantCulture, $"<LoopContext {_index + 1}/{Length}>"));

    private IEnumerable<Value> Rest()
    {
        while (Next(out var item))
        {
            yield return PySequence.Tuple(item, Value.Of(this));
        }
    }

    private Value Peek()
    {
        if (_after.IsMissing && _source.Next(out var next))
        {
            _after = next;
        }

        return _after;
    }

    private int CountRest()
    {
        var rest = new List<Value>();
        while (_source.Next(out var item))
        {
            closure.Context.Spend(1);
            rest.Add(item);
        }

        _source = PyIterator.Over([.. rest], rest.Count);
        return rest.Count + _index + 1 + (_after.IsMissing ? 0 : 1);
    }

    private Value Changed(Value[] values)
    {
        var same = _lastChanged is not null && PyCompare.AreEqual(closure.Context, PySequence.Tuple(_lastChanged), PySequence.Tuple(values));
        _lastChanged = same ? _lastChanged : values;
        return Value.Of(!same);
    }
}
