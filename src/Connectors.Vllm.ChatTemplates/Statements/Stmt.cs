namespace Connectors.Vllm.ChatTemplates;

/// <summary>A statement.</summary>
internal abstract class Stmt(int position) : Node(position)
{
    public abstract Flow Execute(Frame frame);
}
