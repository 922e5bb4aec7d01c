using System.Text.Json;

namespace Connectors.Vllm.OutputParsing;

/// <summary>A tool the model may call.</summary>
/// <param name="Name">The function's name.</param>
/// <param name="Parameters">JSON schema of the arguments object; null when the tool takes none. Types the values of XML-like formats.</param>
/// <param name="Strict">
/// Whether the arguments must follow the schema: then a constraint is sent although the model may choose freely whether to call.
/// </param>
public sealed record OutputTool(string Name, JsonElement? Parameters = null, bool Strict = false);

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

    /// <summary>No calls: those that the model writes all the same are recognised and left out.</summary>
    public static OutputToolChoice None => new(OutputToolChoiceKind.None, null);

    /// <summary>At least one call.</summary>
    public static OutputToolChoice Required => new(OutputToolChoiceKind.Required, null);

    /// <summary>The kind of choice.</summary>
    internal OutputToolChoiceKind Kind { get; }

    /// <summary>The name that <see cref="Named"/> was given; otherwise null.</summary>
    public string? Name { get; }

    /// <summary>A call of one tool.</summary>
    /// <param name="name">The tool's name.</param>
    public static OutputToolChoice Named(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return new(OutputToolChoiceKind.Named, name);
    }
}

/// <summary>How free the model is to call tools.</summary>
internal enum OutputToolChoiceKind
{
    /// <summary>The model decides.</summary>
    Auto,

    /// <summary>Calls are recognised and suppressed; their markup is not shown.</summary>
    None,

    /// <summary>At least one call is required.</summary>
    Required,

    /// <summary>One named tool is required.</summary>
    Named,
}
