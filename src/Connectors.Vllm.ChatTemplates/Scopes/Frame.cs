using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Scopes;

/// <summary>The variables of one running function: the template itself, a macro call, an iteration of a recursive loop, a loop's filter.</summary>
internal sealed class Frame(RenderContext context, int slotCount, Frame? parent)
{
    public readonly RenderContext Context = context;
    public readonly Frame? Parent = parent;
    public readonly Value[] Slots = new Value[slotCount];

    public Frame Up(int hops)
    {
        var frame = this;
        for (; hops > 0; hops--)
        {
            frame = frame.Parent!;
        }

        return frame;
    }
}

/// <summary>The location of a variable: the number of frames to go out, and the slot.</summary>
internal readonly record struct Place(int Hops, int Slot)
{
    public Value Get(Frame frame) => (Hops == 0 ? frame : frame.Up(Hops)).Slots[Slot];

    public void Set(Frame frame, Value value) => (Hops == 0 ? frame : frame.Up(Hops)).Slots[Slot] = value;
}

/// <summary>Initializes and clears the variables of a scope when it is entered and left.</summary>
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

    /// <summary>
    /// Clears the scope's variables, so that they are unassigned for a macro that is defined inside and called outside, as in jinja2.
    /// </summary>
    public void Leave(Frame frame)
    {
        foreach (var slot in slots)
        {
            frame.Slots[slot] = default;
        }
    }

    public readonly record struct Step(int Slot, LoadKind Kind, string? Name, Place Outer);
}
