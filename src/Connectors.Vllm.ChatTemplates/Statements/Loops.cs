using Connectors.Vllm.ChatTemplates.Expressions;
using Connectors.Vllm.ChatTemplates.Scopes;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Statements;

/// <summary>A loop, with all jinja2 has: a filter, else, the loop variable, recursion, break and continue.</summary>
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

    /// <summary>Runs the loop once more for <c>loop(items)</c> and gives its text.</summary>
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

            // As in Python, a round that ends with continue does not count for else.
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

    /// <summary>The items that pass the loop's filter, one by one: looking ahead runs the filter early, as in Python.</summary>
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

/// <summary>A second copy of a loop's target, bound to the variables of the loop's filter.</summary>
internal static class TargetCopy
{
    public static Expr Of(Expr target) => target switch
    {
        NameExpr name => new NameExpr(name.Name, name.Position) { Use = NameUse.Store },
        SequenceExpr sequence => new SequenceExpr(Array.ConvertAll(sequence.Items, Of), sequence.IsTuple, sequence.Position),
        _ => target,
    };
}
