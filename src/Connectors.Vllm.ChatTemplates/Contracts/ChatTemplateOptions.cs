namespace Connectors.Vllm.ChatTemplates;

/// <summary>
/// Limits for a template that may come from a server nobody vouches for, and its name in errors. The defaults fit every known template.
/// </summary>
public sealed class ChatTemplateOptions
{
    /// <summary>The template's name in error messages; null for none.</summary>
    public string? Name { get; init; }

    /// <summary>Most characters of a template source. Default 1,048,576.</summary>
    public int MaxSourceLength { get; init; } = 1 << 20;

    /// <summary>Most UTF-16 units of one rendered prompt, and of any string made on the way. Default 16 Mi.</summary>
    public int MaxOutputLength { get; init; } = 1 << 24;

    /// <summary>Most steps (statements, operations, loop rounds, stretches of text) of one render. Default 10 million, well under a
    /// second. Some templates look back through all messages at every message, so long conversations get 30 more for each pair of messages.</summary>
    public long MaxSteps { get; init; } = 10_000_000;

    /// <summary>Deepest nesting of macro calls and recursive loops; Python itself gives up between 150 and 200. Default 160.</summary>
    public int MaxCallDepth { get; init; } = 160;

    internal ChatTemplateOptions WithName(string name) => new()
    {
        Name = name,
        MaxSourceLength = MaxSourceLength,
        MaxOutputLength = MaxOutputLength,
        MaxSteps = MaxSteps,
        MaxCallDepth = MaxCallDepth,
    };
}

/// <summary>The shape of message content a template is written for.</summary>
public enum ChatContentFormat
{
    /// <summary>Content is one string; text parts are joined before rendering.</summary>
#pragma warning disable CA1720 // The format is called "string" everywhere.
    String,
#pragma warning restore CA1720

    /// <summary>Content is a list of parts (<c>{"type": "text", "text": …}</c>), as in the OpenAI API: the template iterates over it.</summary>
    OpenAI,
}
