namespace Connectors.Vllm.ChatTemplates;

/// <summary>A variable's place: a slot of the frame so many frames out.</summary>
internal readonly record struct Place(int Hops, int Slot)
{
    public Value Get(Frame frame) => (Hops == 0 ? frame : frame.Up(Hops)).Slots[Slot];

    public void Set(Frame frame, Value value) => (Hops == 0 ? frame : frame.Up(Hops)).Slots[Slot] = value;
}
