namespace Connectors.Vllm.ChatTemplates;

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
