using Connectors.Vllm.ChatTemplates.Filters;
using Connectors.Vllm.ChatTemplates.Methods;
using Connectors.Vllm.ChatTemplates.Scopes;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Expressions;

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
            // A method call does not create a bound method.
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
        if (callee is NameExpr && callee.Eval(frame).Object is { WritesItself: true } macro)
        {
            var given = arguments.Eval(frame);
            frame.Context.Spend(1);
            frame.Context.Position = Position;
            macro.CallInto(frame.Context, given);
            return;
        }

        base.WriteTo(frame);
    }

    /// <summary>Calls with the caller of a call block as an additional keyword.</summary>
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
        return function.Object is { } target
            ? target.Call(frame.Context, given)
            : throw new PyException($"'{PyOps.TypeName(function)}' object is not callable");
    }
}

/// <summary><c>value|filter(arguments)</c>; without a value, the filter of a filter or set block.</summary>
internal sealed class FilterExpr(Expr? operand, string name, ArgumentList arguments, int position) : Expr(position)
{
    private readonly Method? _filter = FilterTable.Find(name);

    public Expr? Operand => operand;

    public override IEnumerable<Node> Children => operand is null ? arguments.Nodes : [operand, .. arguments.Nodes];

    public override void Bind(Scope scope)
    {
        if (_filter is null && !scope.IsConditional)
        {
            throw new TemplateSyntaxException($"No filter named '{name}'.", Position);
        }

        base.Bind(scope);
    }

    public override Value Eval(Frame frame) => Apply(frame, operand!.Eval(frame));

    public override void WriteTo(Frame frame)
    {
        if (ReferenceEquals(_filter, FilterTable.ToJson) && arguments.IsEmpty)
        {
            var value = operand!.Eval(frame);
            frame.Context.Position = Position;
            JsonFilter.Write(frame.Context, value);
            return;
        }

        base.WriteTo(frame);
    }

    /// <summary>Applies the filter, and those before it in a block's chain, to the text of the block.</summary>
    public Value ApplyToBlock(Frame frame, Value text) =>
        Apply(frame, operand is FilterExpr inner ? inner.ApplyToBlock(frame, text) : text);

    private Value Apply(Frame frame, Value value)
    {
        var given = arguments.Eval(frame);
        var context = frame.Context;
        context.Spend(1);
        context.Position = Position;
        return _filter is null ? throw new PyException($"No filter named '{name}' found.") : _filter.Invoke(context, value, given);
    }
}

/// <summary><c>value is test</c>.</summary>
internal sealed class TestExpr(Expr operand, string name, ArgumentList arguments, int position) : Expr(position)
{
    private readonly Method? _test = TestTable.Find(name);

    public Expr Operand => operand;

    public override IEnumerable<Node> Children => [operand, .. arguments.Nodes];

    public override void Bind(Scope scope)
    {
        if (_test is null && !scope.IsConditional)
        {
            throw new TemplateSyntaxException($"No test named '{name}'.", Position);
        }

        base.Bind(scope);
    }

    public override Value Eval(Frame frame)
    {
        var value = operand.Eval(frame);
        var given = arguments.Eval(frame);
        frame.Context.Position = Position;
        return _test is null ? throw new PyException($"No test named '{name}' found.") : _test.Invoke(frame.Context, value, given);
    }
}

/// <summary>The argument expressions of a call, a filter or a test.</summary>
internal sealed class ArgumentList(Expr[] positional, string[] names, Expr[] keywords, Expr? rest, Expr? restKeywords)
{
    public static readonly ArgumentList Empty = new([], [], [], null, null);

    public Expr[] Positional => positional;

    public Expr[] Keywords => keywords;

    public IEnumerable<Node> Nodes => [.. positional, .. keywords, .. new[] { rest, restKeywords }.OfType<Node>()];

    public bool IsEmpty => positional.Length == 0 && keywords.Length == 0 && rest is null && restKeywords is null;

    /// <summary>Gets the argument of a parameter, by keyword or position; null if it is omitted.</summary>
    public Expr? Find(string name, int index)
    {
        var at = Array.IndexOf(names, name);
        return at >= 0 ? keywords[at] : index >= 0 && index < positional.Length ? positional[index] : null;
    }

    public CallArguments Eval(Frame frame)
    {
        if (IsEmpty)
        {
            return CallArguments.None;
        }

        var values = positional.Length == 0 ? [] : new Value[positional.Length];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = positional[i].Eval(frame);
        }

        var named = keywords.Length == 0 ? [] : new KeywordArgument[keywords.Length];
        for (var i = 0; i < named.Length; i++)
        {
            named[i] = new KeywordArgument(names[i], keywords[i].Eval(frame));
        }

        return rest is null && restKeywords is null ? new CallArguments(values, named) : EvalRest(frame, values, named);
    }

    private CallArguments EvalRest(Frame frame, Value[] values, KeywordArgument[] named)
    {
        if (rest is not null)
        {
            var more = PyOps.ToArray(frame.Context, rest.Eval(frame));
            frame.Context.Spend(more.Length);
            values = [.. values, .. more];
        }

        if (restKeywords is not null)
        {
            var mapping = restKeywords.Eval(frame);
            if (mapping.Object is not PyDict dict)
            {
                PyOps.ThrowIfUndefined(mapping);
                throw new PyException($"argument after ** must be a mapping, not {PyOps.TypeName(mapping)}");
            }

            var all = new List<KeywordArgument>(named);
            var given = new HashSet<string>(names, StringComparer.Ordinal);
            for (var i = 0; i < dict.Length; i++)
            {
                var name = dict.Keys[i].IsString ? dict.Keys[i].Text : throw new PyException("keywords must be strings");
                frame.Context.Spend(10);
                if (!given.Add(name))
                {
                    throw new PyException($"got multiple values for keyword argument '{name}'");
                }

                all.Add(new KeywordArgument(name, dict.Values[i]));
            }

            named = [.. all];
        }

        return new CallArguments(values, named);
    }
}
