namespace Connectors.Vllm.ChatTemplates.Scopes;

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

/// <summary>The variables of one function (the template, a macro, a recursive loop, a loop filter) and their places in its frames.</summary>
internal sealed class FunctionScope(FunctionScope? parent)
{
    private readonly Dictionary<string, int> _slots = new(StringComparer.Ordinal);

    public int SlotCount => _slots.Count;

    public int Own(string variable)
    {
        if (!_slots.TryGetValue(variable, out var slot))
        {
            slot = _slots.Count;
            _slots.Add(variable, slot);
        }

        return slot;
    }

    /// <summary>Where a variable lives: how many frames out, and which slot.</summary>
    public Place Locate(string variable)
    {
        var hops = 0;
        for (var function = this; function is not null; function = function.Parent, hops++)
        {
            if (function._slots.TryGetValue(variable, out var slot))
            {
                return new Place(hops, slot);
            }
        }

        return new Place(0, Own(variable));
    }

    private FunctionScope? Parent { get; } = parent;
}
