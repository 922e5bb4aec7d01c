namespace Connectors.Vllm.ChatTemplates;

/// <summary>The variables of one running function: the template itself, a macro call, a round of a recursive loop, a loop's filter.</summary>
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
