namespace Connectors.Vllm.ChatTemplates;

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
