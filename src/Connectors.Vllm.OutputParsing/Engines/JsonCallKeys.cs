namespace Connectors.Vllm.OutputParsing;

/// <summary>Under which keys a JSON call keeps its parts; the first key that is there counts.</summary>
internal sealed record JsonCallKeys
{
    public static readonly JsonCallKeys Usual = new();

    public IReadOnlyList<string> Name { get; init; } = ["name"];

    public IReadOnlyList<string> Arguments { get; init; } = ["arguments", "parameters"];

    public IReadOnlyList<string> Id { get; init; } = [];

    /// <summary>The object has one member: its key is the name, its value the arguments (Apertus).</summary>
    public bool NameIsKey { get; init; }
}
