using System.Globalization;
using Connectors.Vllm.ChatTemplates.Expressions;
using Connectors.Vllm.ChatTemplates.Scopes;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Statements;

/// <summary>A loop with all features of jinja2: a filter, else, the loop variable, recursion, break and continue.</summary>
internal sealed class ForStmt(
    Expr target, Expr iterable, Expr? test, bool isRecursive, Stmt[] body, Stmt[] otherwise, int cost, int position) : Stmt(position)
{
    private ScopeEntry _bodyScope = null!;
    private ScopeEntry? _elseScope;
    private ScopeEntry? _testScope;
    private FunctionScope? _testFunction;
    private FunctionScope? _loopFunction;
    private Place? _loopPlace;
    private Expr? _testTarget;

    public Expr Target => target;

    public Expr Iterable => iterable;

    private Expr? Test => test;

    public override IEnumerable<Node> Children => [target, iterable, .. body, .. otherwise, .. test is null ? Array.Empty<Node>() : [test]];

    public override void Declare(Symbols symbols) => iterable.Declare(symbols);

    public override void Bind(Scope scope)
    {
        if (Descendants().OfType<NameExpr>().FirstOrDefault(name => name is { Use: NameUse.Store, Name: "loop" }) is { } assigned)
        {
            throw new TemplateSyntaxException("Can't assign to special loop variable in for-loop target", assigned.Position);
        }

        iterable.Bind(scope);
        BindTest(scope);
        var outer = isRecursive ? scope with { Function = new FunctionScope(scope.Function) } : scope;
        _loopFunction = isRecursive ? outer.Function : null;
        var loop = outer.Inner() with { IsInLoop = true };
        var usesLoop = isRecursive || Undeclared.Find(body, "loop") || Descendants().OfType<BlockStmt>().Any(block => block.IsScoped);
        if (usesLoop)
        {
            loop.Symbols.DeclareParameter("loop");
        }

        DeclareTarget(target, loop.Symbols);
        foreach (var statement in body)
        {
            statement.Declare(loop.Symbols);
        }

        _bodyScope = loop.Enter();
        _loopPlace = usesLoop ? loop.PlaceOf("loop") : null;
        target.Bind(loop);
        Body.Bind(body, loop);
        BindElse(outer with { IsInLoop = !isRecursive && scope.IsInLoop });
    }

    public override Flow Execute(Frame frame)
    {
        frame.Context.Spend(cost);
        var items = iterable.Eval(frame);
        if (!isRecursive)
        {
            return Run(frame, frame, items, depth: 0);
        }

        return Run(new Frame(frame.Context, _loopFunction!.SlotCount, frame), frame, items, depth: 0);
    }

    /// <summary>Runs the loop recursively for <c>loop(items)</c> and returns its text.</summary>
    public Value Recurse(Frame closure, Value items, int depth)
    {
        if (!isRecursive)
        {
            throw new PyException("The loop must have the 'recursive' marker to be called recursively.");
        }

        var context = closure.Context;
        context.EnterCall();
        var start = context.Output.Length;
        Run(new Frame(context, _loopFunction!.SlotCount, closure), closure, items, depth);
        context.LeaveCall();
        return Value.Of(context.Output.Cut(start));
    }

    private Flow Run(Frame frame, Frame closure, Value items, int depth)
    {
        var context = frame.Context;
        context.Position = iterable.Position;
        var source = PyOps.Iterate(items);
        if (test is not null)
        {
            source = new FilteredIterator(this, frame, source);
            items = Value.Of(source);
        }

        var loop = _loopPlace is null ? null : new LoopObject(this, closure, items, source, depth);
        var anyRoundEnded = false;
        var flow = Flow.Next;
        while (loop is null ? source.Next(out var item) : loop.Next(out item))
        {
            context.Spend(1);
            target.Assign(frame, item);
            if (loop is not null)
            {
                _loopPlace!.Value.Set(frame, Value.Of(loop));
            }

            _bodyScope.Enter(frame);
            flow = Body.Execute(body, frame);
            if (flow == Flow.Break)
            {
                break;
            }

            // As in jinja2, an iteration that ends with continue does not count for else.
            anyRoundEnded |= flow == Flow.Next;
        }

        _bodyScope.Leave(frame);
        if (!anyRoundEnded && _elseScope is not null)
        {
            _elseScope.Enter(frame);
            flow = Body.Execute(otherwise, frame);
            _elseScope.Leave(frame);
            return flow;
        }

        return Flow.Next;
    }

    private void BindTest(Scope scope)
    {
        if (test is null)
        {
            return;
        }

        var inner = scope.InnerFunction();
        DeclareTarget(target, inner.Symbols);
        test.Declare(inner.Symbols);
        _testScope = inner.Enter();
        _testFunction = inner.Function;
        test.Bind(inner);
        _testTarget = TargetCopy.Of(target);
        _testTarget.Bind(inner);
    }

    private void BindElse(Scope scope)
    {
        if (otherwise.Length == 0)
        {
            return;
        }

        var inner = scope.Inner();
        foreach (var statement in otherwise)
        {
            statement.Declare(inner.Symbols);
        }

        _elseScope = inner.Enter();
        Body.Bind(otherwise, inner);
    }

    private static void DeclareTarget(Expr target, Symbols symbols)
    {
        switch (target)
        {
            case NameExpr name:
                symbols.DeclareParameter(name.Name);
                break;
            case SequenceExpr sequence:
                foreach (var item in sequence.Items)
                {
                    DeclareTarget(item, symbols);
                }

                break;
        }
    }

    /// <summary>Iterates over the items that pass the loop's filter; looking ahead runs the filter early, as in Python.</summary>
    private sealed class FilteredIterator(ForStmt loop, Frame outer, PyIterator source) : PyIterator
    {
        private readonly Frame _frame = new(outer.Context, loop._testFunction!.SlotCount, outer);
        private bool _entered;

        public override bool Next(out Value item)
        {
            if (!_entered)
            {
                _entered = true;
                loop._testScope!.Enter(_frame);
            }

            while (source.Next(out item))
            {
                outer.Context.Spend(1);
                loop._testTarget!.Assign(_frame, item);
                if (PyOps.IsTruthy(loop.Test!.Eval(_frame)))
                {
                    return true;
                }
            }

            return false;
        }
    }
}

/// <summary>break and continue.</summary>
internal sealed class JumpStmt(Flow flow, int position) : Stmt(position)
{
    public override IEnumerable<Node> Children => [];

    public override void Bind(Scope scope)
    {
        if (!scope.IsInLoop)
        {
            throw new TemplateSyntaxException($"'{(flow == Flow.Break ? "break" : "continue")}' outside of a loop", Position);
        }
    }

    public override Flow Execute(Frame frame)
    {
        frame.Context.Spend(1);
        return flow;
    }
}

/// <summary>Copies a loop's target, to be bound to the variables of the loop's filter.</summary>
internal static class TargetCopy
{
    public static Expr Of(Expr target) => target switch
    {
        NameExpr name => new NameExpr(name.Name, name.Position) { Use = NameUse.Store },
        SequenceExpr sequence => new SequenceExpr(Array.ConvertAll(sequence.Items, Of), sequence.IsTuple, sequence.Position),
        _ => target,
    };
}

/// <summary>The variable <c>loop</c>: position, adjacent items, cycle, changed, and the call of a recursive loop.</summary>
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

    /// <summary>Iterating the loop variable yields the remaining items.</summary>
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
