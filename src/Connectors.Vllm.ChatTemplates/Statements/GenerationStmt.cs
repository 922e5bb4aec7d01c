namespace Connectors.Vllm.ChatTemplates;

/// <summary><c>generation</c> … <c>endgeneration</c>, transformers' tag around what the assistant says: its body, in a scope of its own.</summary>
internal sealed class GenerationStmt(Stmt[] body, int position) : Stmt(position)
{
    private readonly MacroFunction _function = new(null, [], [], body);

    public override IEnumerable<Node> Children => body;

    public override void Declare(Symbols symbols)
    {
    }

    public override void Bind(Scope scope) => _function.Bind(scope);

    public override Flow Execute(Frame frame)
    {
        _function.Run(frame.Context, frame, CallArguments.None);
        return Flow.Next;
    }
}
