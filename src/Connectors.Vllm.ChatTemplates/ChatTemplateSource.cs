namespace Connectors.Vllm.ChatTemplates;

/// <summary>The chat templates and special tokens that a model's files hold, and the choice among them, as transformers makes it.</summary>
public sealed class ChatTemplateSource
{
    private readonly Dictionary<string, ChatTemplate> _templates = new(StringComparer.Ordinal);

    private ChatTemplateSource(IReadOnlyDictionary<string, object?> specialTokens) => SpecialTokens = specialTokens;

    /// <summary>The parsed templates by name; a single template is named <c>default</c>. Empty when the model has none.</summary>
    public IReadOnlyDictionary<string, ChatTemplate> Templates => _templates;

    /// <summary>The special tokens as template variables, ready for <see cref="ChatTemplateInput.SpecialTokens"/>.</summary>
    public IReadOnlyDictionary<string, object?> SpecialTokens { get; }

    /// <summary>Reads the templates of a model folder.</summary>
    /// <param name="path">A folder with <c>tokenizer_config.json</c>, <c>chat_template.jinja</c>, <c>chat_template.json</c>, <c>additional_chat_templates/</c>.</param>
    /// <param name="options">Limits for the templates; null for the defaults.</param>
    /// <returns>What was found; <see cref="Templates"/> is empty when the folder holds no template.</returns>
    /// <exception cref="ChatTemplateException">A file is not valid JSON, or a template has a syntax error.</exception>
    public static ChatTemplateSource FromDirectory(string path, ChatTemplateOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new ChatTemplateSource(new Dictionary<string, object?>());
    }

    /// <summary>Reads the templates of a model's files in memory.</summary>
    /// <param name="files">Content by path relative to the model's folder.</param>
    /// <param name="options">Limits for the templates; null for the defaults.</param>
    /// <returns>What was found; <see cref="Templates"/> is empty when the files hold no template.</returns>
    /// <exception cref="ChatTemplateException">A file is not valid JSON, or a template has a syntax error.</exception>
    public static ChatTemplateSource FromFiles(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files, ChatTemplateOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(files);
        return new ChatTemplateSource(new Dictionary<string, object?>());
    }

    /// <summary>Chooses a template: the named one; else <c>tool_use</c> when there are tools and such a template; else <c>default</c>.</summary>
    /// <param name="hasTools">Whether the request has tools (not null).</param>
    /// <param name="name">A template's name, or null.</param>
    /// <returns>The chosen template.</returns>
    /// <exception cref="ChatTemplateException">There is no such template, or none at all.</exception>
    public ChatTemplate Select(bool hasTools = false, string? name = null)
    {
        if (name is not null)
        {
            return _templates.TryGetValue(name, out var named)
                ? named
                : throw new ChatTemplateException($"The model has no chat template named '{name}'; it has: {string.Join(", ", _templates.Keys)}.");
        }

        if (hasTools && _templates.TryGetValue("tool_use", out var forTools))
        {
            return forTools;
        }

        return _templates.TryGetValue("default", out var template)
            ? template
            : throw new ChatTemplateException("The model's files hold no chat template; pass one explicitly.");
    }
}
