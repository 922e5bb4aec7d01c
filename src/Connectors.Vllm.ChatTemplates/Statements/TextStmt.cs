namespace Connectors.Vllm.ChatTemplates;

/// <summary>Text of the template.</summary>
internal sealed class TextStmt(string text, int position) : Stmt(position)
{
    private readonly long _cost = 1 + (text.Length >> 6);

    public string Text => text;

    public override IEnumerable<Node> Children => [];

    public override Flow Execute(Frame frame)
    {
        frame.Context.Spend(_cost);
        frame.Context.Output.Append(text);
        return Flow.Next;
    }
}
