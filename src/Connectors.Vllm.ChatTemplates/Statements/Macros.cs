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

/// <summary>A macro as a value: its function and the frame it was made in.</summary>
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

/// <summary><c>generation</c> … <c>endgeneration</c>, transformers' tag around what the assistant says: its body, in a scope of its own.</summary>
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
