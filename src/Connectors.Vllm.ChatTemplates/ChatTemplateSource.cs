using System.Text.Json;
using Connectors.Vllm.ChatTemplates.Loading;
using Connectors.Vllm.ChatTemplates.Values;
using Connectors.Vllm.Shared;

namespace Connectors.Vllm.ChatTemplates;

/// <summary>
/// The chat templates and special tokens in a model's files, and the selection among them as in transformers: files (<c>chat_template.jinja</c>,
/// <c>additional_chat_templates/NAME.jinja</c>) replace the entry of <c>tokenizer_config.json</c> (one text, or a list of names and texts);
/// <c>chat_template.json</c>, which only processors read, is the last resort. Immutable and thread-safe. Source: transformers,
/// PreTrainedTokenizerBase.from_pretrained and get_chat_template.
/// </summary>
public sealed class ChatTemplateSource
{
    private const string DefaultName = "default";
    private const string ToolUseName = "tool_use";

    private readonly Dictionary<string, ChatTemplate> _templates = new(StringComparer.Ordinal);

    private ChatTemplateSource(ModelFiles files, ChatTemplateOptions options)
    {
        var config = files.Json(ModelFolder.TokenizerConfig);
        SpecialTokens = SpecialTokenReader.Read(config, files.Json(ModelFolder.SpecialTokensMap));
        if (files.Text(ModelFolder.Template) is { } source)
        {
            Add(DefaultName, source, options);
        }

        foreach (var (name, additional) in files.AdditionalTemplates())
        {
            if (!_templates.ContainsKey(name))
            {
                Add(name, additional, options);
            }
        }

        if (_templates.Count == 0)
        {
            AddEntry(config, options);
        }

        if (_templates.Count == 0)
        {
            AddEntry(files.Json(ModelFolder.ProcessorTemplate), options);
        }
    }

    /// <summary>The parsed templates by name; a single template is named <c>default</c>. Empty if the model has none.</summary>
    public IReadOnlyDictionary<string, ChatTemplate> Templates => _templates;

    /// <summary>
    /// The special tokens as template variables for <see cref="ChatTemplateInput.SpecialTokens"/>: <c>bos_token</c> and the like, a model's own
    /// <c>…_token</c> keys, <c>special_tokens_map.json</c> first, and the defaults of the tokenizer class for keys that are absent.
    /// </summary>
    public IReadOnlyDictionary<string, object?> SpecialTokens { get; }

    /// <summary>Reads the templates of a model folder.</summary>
    /// <param name="path">A folder with <c>tokenizer_config.json</c>, <c>chat_template.jinja</c>, <c>chat_template.json</c>,
    /// <c>additional_chat_templates/</c>.</param>
    /// <param name="options">The limits for the templates; <see langword="null"/> uses the defaults.</param>
    /// <returns>The templates; <see cref="Templates"/> is empty if the folder contains none.</returns>
    /// <exception cref="ChatTemplateException">The folder does not exist, a file is not valid JSON, or a template has a syntax error.</exception>
    public static ChatTemplateSource FromDirectory(string path, ChatTemplateOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new ChatTemplateSource(ModelFiles.OfDirectory(path), options ?? new ChatTemplateOptions());
    }

    /// <summary>Reads the templates of a model's files in memory.</summary>
    /// <param name="files">The contents of the files by path relative to the model folder; a parent folder common to all of them is ignored.</param>
    /// <param name="options">The limits for the templates; <see langword="null"/> uses the defaults.</param>
    /// <returns>The templates; <see cref="Templates"/> is empty if the files contain none.</returns>
    /// <exception cref="ChatTemplateException">A file is not valid JSON, or a template has a syntax error.</exception>
    public static ChatTemplateSource FromFiles(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files, ChatTemplateOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(files);
        return new ChatTemplateSource(ModelFiles.OfMemory(files), options ?? new ChatTemplateOptions());
    }

    /// <summary>Selects a template: the named one, or else <c>tool_use</c> if there are tools and such a template, or else <c>default</c>.</summary>
    /// <param name="hasTools">Whether the request has tools.</param>
    /// <param name="name">The name of a template, or <see langword="null"/>.</param>
    /// <returns>The selected template.</returns>
    /// <exception cref="ChatTemplateException">There is no such template, or no template at all.</exception>
    public ChatTemplate Select(bool hasTools = false, string? name = null)
    {
        if (name is not null)
        {
            return _templates.TryGetValue(name, out var named)
                ? named
                : throw new ChatTemplateException($"The model has no chat template named '{name}'; it has: {string.Join(", ", _templates.Keys)}.");
        }

        if (hasTools && _templates.TryGetValue(ToolUseName, out var forTools))
        {
            return forTools;
        }

        return _templates.TryGetValue(DefaultName, out var template) ? template
            : _templates.Count == 0 ? throw new ChatTemplateException("The model's files contain no chat template; pass one explicitly.")
            : throw new ChatTemplateException(
                $"The model has several chat templates and none named '{DefaultName}'; select one of: {string.Join(", ", _templates.Keys)}.");
    }

    private void AddEntry(JsonElement? file, ChatTemplateOptions options)
    {
        if (file is not { ValueKind: JsonValueKind.Object } element || !element.TryGetProperty("chat_template", out var entry))
        {
            return;
        }

        if (entry.ValueKind == JsonValueKind.String)
        {
            Add(DefaultName, entry.GetString()!, options);
        }
        else if (entry.ValueKind == JsonValueKind.Array)
        {
            foreach (var named in entry.EnumerateArray())
            {
                if (named.ValueKind == JsonValueKind.Object && named.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String
                    && named.TryGetProperty("template", out var template) && template.ValueKind == JsonValueKind.String)
                {
                    Add(name.GetString()!, template.GetString()!, options);
                }
            }
        }
    }

    private void Add(string name, string source, ChatTemplateOptions options) =>
        _templates[name] = ChatTemplate.Parse(source, options.Name is null ? options.WithName(name) : options);
}
