namespace Connectors.Vllm.OutputParsing;

/// <summary>What the readers of one output share: the tools by name.</summary>
internal sealed class ReaderContext
{
    private readonly Dictionary<string, ToolSchema> _tools = new(StringComparer.Ordinal);

    public ReaderContext(OutputParserOptions options)
    {
        Options = options;
        foreach (var tool in options.Tools)
        {
            _tools[tool.Name] = new ToolSchema(tool.Parameters);
        }
    }

    public OutputParserOptions Options { get; }

    /// <summary>True when a call of this name may be one: it is declared, or nothing is known of the tools.</summary>
    public bool MayBe(string name) => _tools.Count == 0 || _tools.ContainsKey(name);

    /// <summary>True when the name is known to be declared.</summary>
    public bool IsDeclared(string name) => _tools.ContainsKey(name);

    /// <summary>The schema of a tool's arguments; one that knows nothing for an unknown tool.</summary>
    public ToolSchema Schema(string name) => _tools.GetValueOrDefault(name) ?? ToolSchema.Unknown;
}
