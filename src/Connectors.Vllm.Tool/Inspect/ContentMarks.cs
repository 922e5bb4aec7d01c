namespace Connectors.Vllm.Tool.Inspect;

/// <summary>Writes a prompt with the ranges that came from message content marked: coloured on a terminal, bracketed elsewhere.</summary>
internal static class ContentMarks
{
    public static void Write(string text, IReadOnlyList<Range> content, TextWriter output)
    {
        var (open, close) = Console.IsOutputRedirected ? ("⟦", "⟧") : ("\u001b[32m", "\u001b[0m");
        var written = 0;
        foreach (var range in content)
        {
            output.Write(text[written..range.Start.Value]);
            output.Write(open);
            output.Write(text[range]);
            output.Write(close);
            written = range.End.Value;
        }

        output.WriteLine(text[written..]);
    }
}
