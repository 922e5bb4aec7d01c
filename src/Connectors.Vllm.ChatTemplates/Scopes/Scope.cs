using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Scopes;

/// <summary>The context of binding: the visible names, their function, and the allowed statements.</summary>
internal sealed record Scope(Symbols Symbols, FunctionScope Function)
{
    /// <summary>Whether it is inside if, elif, else or an inline if, where an unknown filter fails only at run time.</summary>
    public bool IsConditional { get; init; }

    public bool IsTopLevel { get; init; }

    /// <summary>Whether it is inside a loop, so that break and continue are allowed.</summary>
    public bool IsInLoop { get; init; }

    public Scope Conditional() => IsConditional ? this : this with { IsConditional = true };

    /// <summary>Creates a nested scope in the same function.</summary>
    public Scope Inner() => new(new Symbols(Symbols), Function) { IsInLoop = IsInLoop };

    /// <summary>Creates a nested scope in a new function.</summary>
    public Scope InnerFunction() => new(new Symbols(Symbols), new FunctionScope(Function));

    /// <summary>Assigns slots to the scope's own variables, and determines how they are initialized on entry.</summary>
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

/// <summary>The variables of one function (the template, a macro, a recursive loop, a loop filter) and their slots in its frames.</summary>
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

    /// <summary>Gets the location of a variable.</summary>
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

/// <summary>
/// The names of one scope, found by jinja2's rules (its idtracking module): a name that a scope assigns is its own variable, initialized from an
/// outer one if there is one; a name that it only reads is looked up in outer scopes and finally among the template's variables.
/// </summary>
internal sealed class Symbols(Symbols? parent)
{
    // Each branch of an if copies the names known before it; real templates copy a few thousand.
    private const int MaxCopies = 5_000_000;

    private readonly int _level = parent is null ? 0 : parent._level + 1;
    private readonly Counter _copies = parent?._copies ?? new Counter();
    private Dictionary<string, string> _references = new(StringComparer.Ordinal);
    private Dictionary<string, VariableLoad> _loads = new(StringComparer.Ordinal);
    private HashSet<string> _stores = new(StringComparer.Ordinal);

    /// <summary>The scope's own variables in the order of their occurrence.</summary>
    public IReadOnlyDictionary<string, VariableLoad> Loads => _loads;

    public string? Find(string name) => _references.TryGetValue(name, out var variable) ? variable : parent?.Find(name);

    public void Store(string name)
    {
        _stores.Add(name);
        if (!_references.ContainsKey(name))
        {
            Define(name, parent?.Find(name) is { } outer ? new VariableLoad(LoadKind.Alias, outer) : new VariableLoad(LoadKind.Unassigned));
        }
    }

    public void DeclareParameter(string name)
    {
        _stores.Add(name);
        Define(name, new VariableLoad(LoadKind.Parameter));
    }

    public void Read(string name)
    {
        if (Find(name) is null)
        {
            Define(name, new VariableLoad(LoadKind.Resolve, name));
        }
    }

    /// <summary>Declares the names of each branch of an if, starting from the names before it, and merges the results.</summary>
    public void Branch(params Action<Symbols>[] branches)
    {
        var copies = Array.ConvertAll(branches, declare =>
        {
            var copy = Copy();
            declare(copy);
            return copy;
        });
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var name in copies.SelectMany(copy => copy._stores.Where(name => !_stores.Contains(name))))
        {
            counts[name] = counts.GetValueOrDefault(name) + 1;
        }

        foreach (var copy in copies)
        {
            foreach (var (name, variable) in copy._references)
            {
                _references[name] = variable;
            }

            foreach (var (variable, load) in copy._loads)
            {
                _loads[variable] = load;
            }

            _stores.UnionWith(copy._stores);
        }

        // A name that only some branches assign keeps its outer value in the others.
        foreach (var (name, count) in counts)
        {
            if (count < copies.Length)
            {
                _loads[Find(name)!] = parent?.Find(name) is { } outer
                    ? new VariableLoad(LoadKind.Alias, outer)
                    : new VariableLoad(LoadKind.Resolve, name);
            }
        }
    }

    private Symbols Copy()
    {
        _copies.Count += _references.Count + _loads.Count + _stores.Count + 1;
        if (_copies.Count > MaxCopies)
        {
            throw new TemplateSyntaxException("the template has too many variables in too many branches", 0);
        }

        var copy = (Symbols)MemberwiseClone();
        copy._references = new(_references, StringComparer.Ordinal);
        copy._loads = new(_loads, StringComparer.Ordinal);
        copy._stores = new(_stores, StringComparer.Ordinal);
        return copy;
    }

    /// <summary>The number of names copied so far, in all scopes of a template.</summary>
    private sealed class Counter
    {
        public long Count { get; set; }
    }

    private void Define(string name, VariableLoad load)
    {
        var variable = $"{_level}:{name}";
        _references[name] = variable;
        _loads[variable] = load;
    }
}

/// <summary>How a scope's variable is initialized: the kind, and the template variable's name or the outer variable.</summary>
internal readonly record struct VariableLoad(LoadKind Kind, string? Source = null);

/// <summary>How a variable of a scope is initialized when the scope is entered.</summary>
internal enum LoadKind : byte
{
    /// <summary>By the statement that enters the scope: a parameter or a loop target.</summary>
    Parameter,

    /// <summary>From the template's variables.</summary>
    Resolve,

    /// <summary>From the variable of the same name in an outer scope.</summary>
    Alias,

    /// <summary>Unassigned.</summary>
    Unassigned,
}
