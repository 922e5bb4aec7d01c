namespace Connectors.Vllm.ChatTemplates;

internal sealed class ConstExpr(Value value, int position) : Expr(position)
{
    public Value Value => value;

    public override IEnumerable<Node> Children => [];

    public override Value Eval(Frame frame) => value;
}
