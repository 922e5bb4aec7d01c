namespace Connectors.Vllm.OutputParsing;

/// <summary>How free the model is to call tools, with the tool's name when one is named.</summary>
public readonly record struct OutputToolChoice
{
    private OutputToolChoice(OutputToolChoiceKind kind, string? name)
    {
        Kind = kind;
        Name = name;
    }

    /// <summary>The model decides.</summary>
    public static OutputToolChoice Auto => default;

    /// <summary>No calls.</summary>
    public static OutputToolChoice None => new(OutputToolChoiceKind.None, null);

    /// <summary>At least one call.</summary>
    public static OutputToolChoice Required => new(OutputToolChoiceKind.Required, null);

    /// <summary>The kind of choice.</summary>
    public OutputToolChoiceKind Kind { get; }

    /// <summary>The tool's name for <see cref="OutputToolChoiceKind.Named"/>, else null.</summary>
    public string? Name { get; }

    /// <summary>A call of one tool.</summary>
    /// <param name="name">The tool's name.</param>
    public static OutputToolChoice Named(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return new(OutputToolChoiceKind.Named, name);
    }
}
