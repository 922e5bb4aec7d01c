namespace Connectors.Vllm.ChatTemplates;

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

    /// <summary>Runs the statements and takes what they wrote out of the output.</summary>
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
