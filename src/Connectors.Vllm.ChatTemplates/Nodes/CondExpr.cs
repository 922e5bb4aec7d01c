namespace Connectors.Vllm.ChatTemplates;

/// <summary><c>a if test else b</c>; without else the alternative is undefined.</summary>
internal sealed class CondExpr(Expr test, Expr then, Expr? otherwise, int position) : Expr(position)
{
    public override IEnumerable<Node> Children => otherwise is null ? [test, then] : [test, then, otherwise];

    public override void Bind(Scope scope) => base.Bind(scope.Conditional());

    public override Value Eval(Frame frame) =>
        PyOps.IsTruthy(test.Eval(frame)) ? then.Eval(frame)
        : otherwise is not null ? otherwise.Eval(frame)
        : Undefined.Because("the inline if-expression evaluated to false and no else section was defined.");

    public override void WriteTo(Frame frame)
    {
        if (PyOps.IsTruthy(test.Eval(frame)))
        {
            then.WriteTo(frame);
        }
        else
        {
            otherwise?.WriteTo(frame);
        }
    }
}
