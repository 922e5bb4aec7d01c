using Connectors.Vllm.ChatTemplates.Expressions;
using Connectors.Vllm.ChatTemplates.Scopes;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Statements;

/// <summary>A statement.</summary>
internal abstract class Stmt(int position) : Node(position)
{
    public abstract Flow Execute(Frame frame);
}

/// <summary>How a statement ended.</summary>
internal enum Flow : byte
{
    Next,
    Break,
    Continue,
}

/// <summary>A sequence of statements.</summary>
internal static class Body
{
    public static Flow Execute(Stmt[] body, Frame frame)
    {
        foreach (var statement in body)
        {
            var flow = statement.Execute(frame);
            if (flow != Flow.Next)
            {
                return flow;
            }
        }

        return Flow.Next;
    }

    /// <summary>Runs the statements and captures their output.</summary>
    public static Flow Capture(Stmt[] body, Frame frame, out Str text)
    {
        var output = frame.Context.Output;
        var start = output.Length;
        var flow = Execute(body, frame);
        text = output.Cut(start);
        frame.Context.SpendCopy(text.Length);
        return flow;
    }

    public static void Bind(Stmt[] body, Scope scope)
    {
        foreach (var statement in body)
        {
            statement.Bind(scope);
        }
    }
}

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

/// <summary><c>{{ value }}</c>.</summary>
internal sealed class PrintStmt(Expr value, int cost, int position) : Stmt(position)
{
    public override IEnumerable<Node> Children => [value];

    public override Flow Execute(Frame frame)
    {
        frame.Context.Spend(cost);
        value.WriteTo(frame);
        return Flow.Next;
    }
}

/// <summary>if, elif, else.</summary>
internal sealed class IfStmt(Expr[] tests, Stmt[][] bodies, Stmt[] otherwise, int cost, int position) : Stmt(position)
{
    public override IEnumerable<Node> Children => [tests[0], .. bodies[0], .. tests[1..], .. bodies[1..].SelectMany(body => body), .. otherwise];

    public override void Declare(Symbols symbols)
    {
        tests[0].Declare(symbols);
        symbols.Branch(
            branch => DeclareAll(bodies[0], branch), branch => DeclareAll(Alternatives(), branch), branch => DeclareAll(otherwise, branch));
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

    // Each elif branch is analyzed like a nested if.
    private IEnumerable<Node> Alternatives()
    {
        for (var i = 1; i < tests.Length; i++)
        {
            yield return new IfStmt([tests[i]], [bodies[i]], [], 0, Position);
        }
    }
}
