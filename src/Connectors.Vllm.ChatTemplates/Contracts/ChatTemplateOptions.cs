namespace Connectors.Vllm.ChatTemplates;

/// <summary>Limits for a template, which may come from an untrusted server, and its name in errors. The defaults fit every known template.</summary>
public sealed class ChatTemplateOptions
{
    /// <summary>The name of the template in error messages; <see langword="null"/> for none.</summary>
    public string? Name { get; init; }

    /// <summary>The maximum length of a template's source in UTF-16 code units. Default: 1,048,576.</summary>
    public int MaxSourceLength { get; init; } = 1 << 20;

    /// <summary>The maximum length of a rendered prompt, and of any string created on the way, in UTF-16 code units. Default: 16,777,216.</summary>
    public int MaxOutputLength { get; init; } = 1 << 24;

    /// <summary>
    /// The maximum number of steps (statements, operations, loop iterations, pieces of text) of one render. Default: 10 million, which take well
    /// under a second. Some templates look back through all messages at every message, so a conversation is granted 30 more steps for each pair of
    /// messages.
    /// </summary>
    public long MaxSteps { get; init; } = 10_000_000;

    /// <summary>The maximum nesting depth of macro calls and recursive loops; Python itself fails between 150 and 200. Default: 160.</summary>
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

/// <summary>The form of message content that a template expects.</summary>
public enum ChatContentFormat
{
    /// <summary>Content is one string; text parts are joined before rendering.</summary>
#pragma warning disable CA1720 // The format is called "string" everywhere.
    String,
#pragma warning restore CA1720

    /// <summary>Content is a list of parts (<c>{"type": "text", "text": …}</c>), as in the OpenAI API: the template iterates over it.</summary>
    OpenAI,
}
