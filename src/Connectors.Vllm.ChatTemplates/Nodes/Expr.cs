namespace Connectors.Vllm.ChatTemplates;

/// <summary>An expression.</summary>
internal abstract class Expr(int position) : Node(position)
{
    public abstract Value Eval(Frame frame);

    /// <summary>Writes <c>str(value)</c> to the output; cheaper than evaluating where the text need not exist on its own.</summary>
    public virtual void WriteTo(Frame frame)
    {
        var value = Eval(frame);
        frame.Context.Position = Position;
        PyPrint.Write(frame.Context, value, frame.Context.Output);
    }

    /// <summary>Assigns, where the expression is a target.</summary>
    public virtual void Assign(Frame frame, Value value) => throw new PyException("this expression cannot be assigned to");
}
