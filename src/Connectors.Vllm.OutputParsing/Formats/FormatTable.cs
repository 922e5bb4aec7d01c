namespace Connectors.Vllm.OutputParsing;

/// <summary>Every format there is: one row each. A new format is one file in this folder and one row here.</summary>
internal static class FormatTable
{
    public static readonly ToolSyntax[] Tools =
    [
        ToolSyntax.None,
        HermesFormat.Tools,
    ];

    public static readonly ReasoningSyntax[] Reasoning =
    [
        ReasoningSyntax.None,
        .. ThinkFormats.All,
    ];

    /// <summary>The row of a tool parser's name; null when there is none.</summary>
    public static ToolSyntax? FindTools(string name) =>
        Array.Find(Tools, row => row.Names.Contains(Normalize(name), StringComparer.Ordinal));

    /// <summary>The row of a reasoning parser's name, under that name; null when there is none.</summary>
    public static ReasoningSyntax? FindReasoning(string name)
    {
        var wanted = Normalize(name);
        return Array.Find(Reasoning, row => row.Names.Contains(wanted, StringComparer.Ordinal)) is { } found ? found.Id == wanted ? found : found with { Id = wanted } : null;
    }

    private static string Normalize(string name) => name.Trim().ToLowerInvariant().Replace('-', '_').Replace('.', '_');
}
