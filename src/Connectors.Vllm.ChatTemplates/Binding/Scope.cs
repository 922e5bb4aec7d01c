namespace Connectors.Vllm.ChatTemplates;

/// <summary>Where the binder is: the names in sight, the function they live in, and what is allowed here.</summary>
internal sealed record Scope(Symbols Symbols, FunctionScope Function)
{
    /// <summary>Inside if, elif, else or an inline if, where an unknown filter fails only when it is run.</summary>
    public bool IsConditional { get; init; }

    public bool IsTopLevel { get; init; }

    /// <summary>Whether break and continue have a loop to act on.</summary>
    public bool IsInLoop { get; init; }

    public Scope Conditional() => IsConditional ? this : this with { IsConditional = true };

    /// <summary>A scope of its own within the same function.</summary>
    public Scope Inner() => new(new Symbols(Symbols), Function) { IsInLoop = IsInLoop };

    /// <summary>A scope of its own in a function of its own.</summary>
    public Scope InnerFunction() => new(new Symbols(Symbols), new FunctionScope(Function));

    /// <summary>Places the scope's own variables, and says how to fill them on entry.</summary>
    public ScopeEntry Enter()
    {
        var loads = new List<ScopeEntry.Step>();
        foreach (var (variable, load) in Symbols.Loads)
        {
            Function.Own(variable);
        }

        foreach (var (variable, load) in Symbols.Loads)
        {
            if (load.Kind != LoadKind.Parameter)
            {
                loads.Add(new ScopeEntry.Step(
                    Function.Own(variable),
                    load.Kind,
                    load.Source,
                    load.Kind == LoadKind.Alias ? Function.Locate(load.Source!) : default));
            }
        }

        return new ScopeEntry([.. loads], [.. Symbols.Loads.Keys.Select(Function.Own)]);
    }

    public Place PlaceOf(string name)
    {
        if (Symbols.Find(name) is not { } variable)
        {
            Symbols.Read(name);
            variable = Symbols.Find(name)!;
        }

        return Function.Locate(variable);
    }
}
