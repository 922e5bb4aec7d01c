using Connectors.Vllm.ChatTemplates.Expressions;
using Connectors.Vllm.ChatTemplates.Scopes;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Statements;

/// <summary>The parameters and body of a macro, a call block or a generation block: a function with a scope of its own.</summary>
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

    /// <summary>Runs the body with the arguments; writes to the output.</summary>
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
            throw new PyException($"macro '{name}' takes not more than {parameters.Length} argument(s)");
        }
    }
}

/// <summary>Finds out whether statements read a special name (loop, caller, varargs, kwargs) that they do not assign before.</summary>
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
