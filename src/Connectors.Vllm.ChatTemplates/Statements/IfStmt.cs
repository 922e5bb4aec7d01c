namespace Connectors.Vllm.ChatTemplates;

/// <summary>if, elif, else.</summary>
internal sealed class IfStmt(Expr[] tests, Stmt[][] bodies, Stmt[] otherwise, int cost, int position) : Stmt(position)
{
    public override IEnumerable<Node> Children => [tests[0], .. bodies[0], .. tests[1..], .. bodies[1..].SelectMany(body => body), .. otherwise];

    public override void Declare(Symbols symbols)
    {
        tests[0].Declare(symbols);
        symbols.Branch(bodies[0], Alternatives(), otherwise);
    }

    public override void Bind(Scope scope)
    {
        var conditional = scope.Conditional();
        for (var i = 0; i < tests.Length; i++)
        {
            tests[i].Bind(conditional);
            Body.Bind(bodies[i], conditional);
        }

        Body.Bind(otherwise, conditional);
    }

    public override Flow Execute(Frame frame)
    {
        frame.Context.Spend(cost);
        for (var i = 0; i < tests.Length; i++)
        {
            if (PyOps.IsTruthy(tests[i].Eval(frame)))
            {
                return Body.Execute(bodies[i], frame);
            }
        }

        return Body.Execute(otherwise, frame);
    }

    // All elif branches count as one, and each of them as an if of its own.
    private IEnumerable<Node> Alternatives()
    {
        for (var i = 1; i < tests.Length; i++)
        {
            yield return new IfStmt([tests[i]], [bodies[i]], [], 0, Position);
        }
    }
}
