namespace Connectors.Vllm.ChatTemplates;

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
