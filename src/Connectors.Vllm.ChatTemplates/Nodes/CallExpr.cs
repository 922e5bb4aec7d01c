namespace Connectors.Vllm.ChatTemplates;

/// <summary>A call of a function, a macro or a method.</summary>
internal sealed class CallExpr(Expr callee, ArgumentList arguments, int position) : Expr(position)
{
    public Expr Callee => callee;

    public ArgumentList Arguments => arguments;

    public override IEnumerable<Node> Children => [callee, .. arguments.Nodes];

    public override Value Eval(Frame frame)
    {
        var context = frame.Context;
        context.Spend(1);
        if (callee is AttributeExpr attribute)
        {
            // A method call needs no bound method in between.
            var owner = attribute.Owner.Eval(frame);
            var method = attribute.Attribute.FindMethod(owner, out var isUnsafe);
            if (method is not null && !isUnsafe)
            {
                var given = arguments.Eval(frame);
                context.Position = Position;
                return method.Invoke(context, owner, given);
            }

            context.Position = Position;
            return Call(frame, attribute.Attribute.Get(context, owner), arguments.Eval(frame));
        }

        return Call(frame, callee.Eval(frame), arguments.Eval(frame));
    }

    /// <summary>A macro writes to the output itself.</summary>
    public override void WriteTo(Frame frame)
    {
        if (callee is NameExpr && callee.Eval(frame).Object is MacroObject macro)
        {
            var given = arguments.Eval(frame);
            frame.Context.Spend(1);
            frame.Context.Position = Position;
            macro.CallInto(frame.Context, given);
            return;
        }

        base.WriteTo(frame);
    }

    /// <summary>Calls with the caller of a call block as a further keyword.</summary>
    public Value EvalWithCaller(Frame frame, Value caller)
    {
        var function = callee.Eval(frame);
        var given = arguments.Eval(frame);
        if (given.Keywords.Any(keyword => keyword.Name == "caller"))
        {
            throw new PyException("got multiple values for keyword argument 'caller'");
        }

        return Call(frame, function, new CallArguments(given.Positional, [.. given.Keywords, new KeywordArgument("caller", caller)]));
    }

    private Value Call(Frame frame, Value function, CallArguments given)
    {
        frame.Context.Position = Position;
        return function.Object is { } target ? target.Call(frame.Context, given) : throw new PyException($"'{PyOps.TypeName(function)}' object is not callable");
    }
}
