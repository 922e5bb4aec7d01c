using Connectors.Vllm.ChatTemplates.Expressions;
using Connectors.Vllm.ChatTemplates.Scopes;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Statements;

/// <summary><c>macro name(…)</c> … <c>endmacro</c>.</summary>
internal sealed class MacroStmt(string name, NameExpr[] parameters, Expr[] defaults, Stmt[] body, int position) : Stmt(position)
{
    private readonly MacroFunction _function = new(name, parameters, defaults, body);
    private readonly string[] _parameterNames = Array.ConvertAll(parameters, parameter => parameter.Name);
    private Place _place;
    private bool _isExported;

    public string Name => name;

    public string[] ParameterNames => _parameterNames;

    public override IEnumerable<Node> Children => _function.Nodes;

    public override void Declare(Symbols symbols) => symbols.Store(name);

    public override void Bind(Scope scope)
    {
        _function.Bind(scope);
        _place = scope.PlaceOf(name);
        _isExported = scope.IsTopLevel;
    }

    public override Flow Execute(Frame frame)
    {
        var macro = Value.Of(new MacroObject(_function, _parameterNames, frame));
        _place.Set(frame, macro);
        if (_isExported)
        {
            frame.Context.Export(name, macro);
        }

        return Flow.Next;
    }
}

/// <summary>A macro as a value: its function and the frame in which it was defined.</summary>
internal sealed class MacroObject(MacroFunction function, string[] parameters, Frame closure) : PyObject
{
    public override string TypeName => "Macro";

    public override bool IsCallable => true;

    public override Value GetAttribute(RenderContext context, string name) => name switch
    {
        "name" => function.Name is { } own ? Value.Of(own) : Value.None,
        "arguments" => PySequence.Tuple(Array.ConvertAll(parameters, Value.Of)),
        _ => default,
    };

    public override Value Call(RenderContext context, CallArguments arguments)
    {
        var start = context.Output.Length;
        function.Run(context, closure, arguments);
        return Value.Of(context.Output.Cut(start));
    }

    public override bool WritesItself => true;

    public override void CallInto(RenderContext context, CallArguments arguments) => function.Run(context, closure, arguments);

    public override void WriteRepr(RenderContext context, TextBuilder output) =>
        output.Append(function.Name is null ? "<Macro anonymous>" : $"<Macro '{function.Name}'>");
}

/// <summary><c>call(…) macro(…)</c> … <c>endcall</c>: the macro gets the block as <c>caller</c>.</summary>
internal sealed class CallBlockStmt(CallExpr call, NameExpr[] parameters, Expr[] defaults, Stmt[] body, int cost, int position) : Stmt(position)
{
    private readonly MacroFunction _function = new(null, parameters, defaults, body);
    private readonly string[] _parameterNames = Array.ConvertAll(parameters, parameter => parameter.Name);

    public override IEnumerable<Node> Children => [call, .. _function.Nodes];

    public override void Declare(Symbols symbols) => call.Declare(symbols);

    public override void Bind(Scope scope)
    {
        _function.Bind(scope);
        call.Bind(scope);
    }

    public override Flow Execute(Frame frame)
    {
        var context = frame.Context;
        context.Spend(cost);
        var value = call.EvalWithCaller(frame, Value.Of(new MacroObject(_function, _parameterNames, frame)));
        PyPrint.Write(context, value, context.Output);
        return Flow.Next;
    }
}

/// <summary><c>generation</c> … <c>endgeneration</c>, transformers' tag around assistant output: renders its body in a separate scope.</summary>
internal sealed class GenerationStmt(Stmt[] body, int position) : Stmt(position)
{
    private readonly MacroFunction _function = new(null, [], [], body);

    public override IEnumerable<Node> Children => body;

    public override void Declare(Symbols symbols)
    {
    }

    public override void Bind(Scope scope) => _function.Bind(scope);

    public override Flow Execute(Frame frame)
    {
        _function.Run(frame.Context, frame, CallArguments.None);
        return Flow.Next;
    }
}

/// <summary>The parameters and body of a macro, a call block or a generation block: a function with its own scope.</summary>
internal sealed class MacroFunction(string? name, NameExpr[] parameters, Expr[] defaults, Stmt[] body)
{
    private ScopeEntry _scope = null!;
    private FunctionScope _function = null!;
    private Place[] _places = [];
    private Place? _caller;
    private Place? _kwargs;
    private Place? _varargs;

    public string? Name => name;

    public IEnumerable<Node> Nodes => [.. parameters, .. defaults, .. body];

    public void Bind(Scope scope)
    {
        var inner = scope.InnerFunction();
        foreach (var node in Nodes)
        {
            node.Declare(inner.Symbols);
        }

        var caller = Special(inner, "caller");
        var kwargs = Special(inner, "kwargs");
        var varargs = Special(inner, "varargs");
        _function = inner.Function;
        _scope = inner.Enter();
        _places = Array.ConvertAll(parameters, parameter => inner.PlaceOf(parameter.Name));
        _caller = caller ? inner.PlaceOf("caller") : null;
        _kwargs = kwargs ? inner.PlaceOf("kwargs") : null;
        _varargs = varargs ? inner.PlaceOf("varargs") : null;
        foreach (var node in Nodes)
        {
            node.Bind(inner);
        }
    }

    /// <summary>Runs the body with the arguments and writes to the output.</summary>
    public void Run(RenderContext context, Frame closure, CallArguments arguments)
    {
        context.EnterCall();
        var frame = new Frame(context, _function.SlotCount, closure);
        BindArguments(frame, arguments);
        _scope.Enter(frame);
        for (var i = 0; i < parameters.Length; i++)
        {
            if (!_places[i].Get(frame).IsMissing)
            {
                continue;
            }

            var at = i - (parameters.Length - defaults.Length);
            _places[i].Set(frame, at >= 0 ? defaults[at].Eval(frame) : Undefined.Because($"parameter '{parameters[i].Name}' was not provided"));
        }

        Body.Execute(body, frame);
        context.LeaveCall();
    }

    private bool Special(Scope inner, string special)
    {
        if (!Undeclared.Find(body, special))
        {
            return false;
        }

        var at = Array.FindIndex(parameters, parameter => parameter.Name == special);
        if (at < 0)
        {
            inner.Symbols.DeclareParameter(special);
            return true;
        }

        return special != "caller" || at >= parameters.Length - defaults.Length
            ? false
            : throw new TemplateSyntaxException(
                "When defining macros or call blocks the special \"caller\" argument must be omitted or be given a default.",
                parameters[at].Position);
    }

    private void BindArguments(Frame frame, CallArguments arguments)
    {
        var positional = arguments.Positional;
        for (var i = 0; i < Math.Min(positional.Length, parameters.Length); i++)
        {
            _places[i].Set(frame, positional[i]);
        }

        var extra = _kwargs is null ? null : new PyDict();
        foreach (var keyword in arguments.Keywords)
        {
            var at = Array.FindIndex(parameters, parameter => parameter.Name == keyword.Name);
            if (at >= positional.Length)
            {
                _places[at].Set(frame, keyword.Value);
            }
            else if (keyword.Name == "caller" && _caller is { } caller)
            {
                caller.Set(frame, keyword.Value);
            }
            else if (extra is not null)
            {
                extra.Set(Value.Of(keyword.Name), keyword.Value);
            }
            else
            {
                throw new PyException($"macro '{name}' takes no keyword argument '{keyword.Name}'");
            }
        }

        if (_caller is { } place && place.Get(frame).IsMissing)
        {
            place.Set(frame, Undefined.Because("No caller defined"));
        }

        _kwargs?.Set(frame, Value.Of(extra!));
        if (_varargs is { } rest)
        {
            rest.Set(frame, PySequence.Tuple(positional.Length > parameters.Length ? positional[parameters.Length..] : []));
        }
        else if (positional.Length > parameters.Length)
        {
            throw new PyException($"macro '{name}' takes no more than {parameters.Length} argument(s)");
        }
    }
}

/// <summary>Determines whether statements read a special name (loop, caller, varargs, kwargs) without assigning it first.</summary>
internal static class Undeclared
{
    public static bool Find(IEnumerable<Node> nodes, string name)
    {
        var assigned = false;
        return Find(nodes, name, ref assigned);
    }

    private static bool Find(IEnumerable<Node> nodes, string name, ref bool assigned)
    {
        foreach (var node in nodes)
        {
            if (node is NameExpr { } found && found.Name == name)
            {
                if (found.Use == NameUse.Read)
                {
                    if (!assigned)
                    {
                        return true;
                    }
                }
                else
                {
                    assigned = true;
                }
            }
            else if (node is not BlockStmt && Find(node.Children, name, ref assigned))
            {
                return true;
            }
        }

        return false;
    }
}
