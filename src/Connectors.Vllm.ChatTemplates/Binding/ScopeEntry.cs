namespace Connectors.Vllm.ChatTemplates;

/// <summary>What happens to a scope's variables when it is entered and left.</summary>
internal sealed class ScopeEntry(ScopeEntry.Step[] steps, int[] slots)
{
    public void Enter(Frame frame)
    {
        foreach (var step in steps)
        {
            frame.Slots[step.Slot] = step.Kind switch
            {
                LoadKind.Resolve => frame.Context.Resolve(step.Name!),
                LoadKind.Alias => step.Outer.Get(frame),
                _ => default,
            };
        }
    }

    /// <summary>Forgets the scope's variables, so that a macro made inside and called outside finds them unassigned, as in Python.</summary>
    public void Leave(Frame frame)
    {
        foreach (var slot in slots)
        {
            frame.Slots[slot] = default;
        }
    }

    public readonly record struct Step(int Slot, LoadKind Kind, string? Name, Place Outer);
}
