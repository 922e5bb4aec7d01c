using System.Collections.Concurrent;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Shared;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm;

/// <summary>
/// The renderers of a model's prompts: with and without tools, probed when the model is loaded, and named templates and those of requests, probed on
/// first use. Thread-safe; requests do not affect each other.
/// </summary>
internal sealed class PromptRenderers
{
    /// <summary>Limits the cache for applications that use a different template in each request.</summary>
    private const int MaxKept = 32;

    private readonly ConcurrentDictionary<(string Template, bool HasTools), PromptRenderer> _ofRequests = new();
    private readonly ChatTemplateSource _templates;
    private readonly Dictionary<string, object?>? _arguments;

    /// <param name="templates">The model's templates and special tokens.</param>
    /// <param name="options">The choice of template and its arguments.</param>
    /// <param name="architectures">The <c>architectures</c> in config.json.</param>
    /// <param name="modelType">The <c>model_type</c> in config.json.</param>
    /// <param name="files">The model's files by name.</param>
    /// <exception cref="ChatTemplateException">A template has a syntax error.</exception>
    public PromptRenderers(
        ChatTemplateSource templates,
        VllmGrpcOptions options,
        IReadOnlyList<string> architectures,
        string? modelType,
        IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files)
    {
        _templates = templates;
        _arguments = (Dictionary<string, object?>?)PlainValue.From(options.ChatTemplateArguments);
        if (options.ChatTemplate is { } source)
        {
            Origin = "VllmGrpcOptions.ChatTemplate";
            var template = VllmModelException.Guard(
                Origin, () => ChatTemplate.Parse(source, new ChatTemplateOptions { Name = "of the options" }));
            (Plain, WithTools) = Both(template, TraitsOf(template, options.ContentFormat));
            return;
        }

        var mistral = templates.Templates.Count == 0 && ModelFolder.TokenizerOf(files.Keys) is { } tokenizer
                && ModelFolder.FormatOf(tokenizer) == TokenizerFormat.Tekken
            ? MistralPromptOptions.FromTekken(files[tokenizer].Span)
            : null;
        if (ChatPromptRenderer.ForModel(architectures, modelType, new ChatPromptRendererOptions { Mistral = mistral }) is { } native)
        {
            (Plain, WithTools) = Both(native, TemplateTraits.OfNative(modelType));
            Origin = native.GetType().Name;
        }
        else if (templates.Templates.Count > 0)
        {
            var plain = templates.Select();
            var withTools = templates.Select(hasTools: true);
            (Plain, WithTools) = ReferenceEquals(plain, withTools)
                ? Both(plain, TraitsOf(plain, options.ContentFormat))
                : (Of(plain, options.ContentFormat, hasTools: false), Of(withTools, options.ContentFormat, hasTools: true));
            Origin = $"chat template '{templates.Templates.First(pair => ReferenceEquals(pair.Value, plain)).Key}'";
        }
    }

    /// <summary>The renderer of requests without tools; null if the model has no template.</summary>
    public PromptRenderer? Plain { get; }

    /// <summary>The renderer of requests with tools; null if the model has no template.</summary>
    public PromptRenderer? WithTools { get; }

    /// <summary>The origin of <see cref="Plain"/>, for display.</summary>
    public string? Origin { get; }

    /// <summary>Gets the renderer of a request that selects one of the model's templates or contains its own.</summary>
    /// <exception cref="ChatTemplateException">The request's template is wrong.</exception>
    public PromptRenderer OfRequest(string template, bool hasTools)
    {
        if (_ofRequests.TryGetValue((template, hasTools), out var known))
        {
            return known;
        }

        var parsed = _templates.Templates.GetValueOrDefault(template)
            ?? ChatTemplate.Parse(template, new ChatTemplateOptions { Name = "of the request" });
        var renderer = Of(parsed, null, hasTools);
        if (_ofRequests.Count >= MaxKept)
        {
            _ofRequests.Clear();
        }

        _ofRequests[(template, hasTools)] = renderer;
        return renderer;
    }

    private PromptRenderer Of(ChatTemplate template, ChatContentFormat? format, bool hasTools) =>
        PromptRenderer.Probe(template, TraitsOf(template, format), Probe(hasTools))[0];

    private (PromptRenderer Plain, PromptRenderer WithTools) Both(ChatPromptRenderer renderer, TemplateTraits traits) =>
        PromptRenderer.Probe(renderer, traits, Probe(hasTools: false), Probe(hasTools: true)) is [var plain, var withTools]
            ? (plain, withTools)
            : default;

    private static TemplateTraits TraitsOf(ChatTemplate template, ChatContentFormat? format) =>
        TemplateTraits.Of(template.Source, format ?? template.ContentFormat);

    private ProbeInput Probe(bool hasTools) => new(_templates.SpecialTokens, _arguments, hasTools);
}

/// <summary>A prompt renderer (a parsed template or a built-in renderer) with its abilities. Immutable.</summary>
internal sealed class PromptRenderer
{
    private PromptRenderer(ChatPromptRenderer renderer, ChatPromptRenderer probed, TemplateTraits traits, ProbeInput probing)
    {
        Renderer = renderer;
        Source = (renderer as ChatTemplate)?.Source;
        (Traits, Abilities) = TemplateProbe.Run(probed, traits, probing);
    }

    /// <summary>Probes a renderer for requests with tools, without them, or both.</summary>
    /// <param name="renderer">The template, or a built-in renderer.</param>
    /// <param name="traits">The traits detected beforehand.</param>
    /// <param name="probing">The input of every conversation, for each kind of request.</param>
    public static PromptRenderer[] Probe(ChatPromptRenderer renderer, TemplateTraits traits, params ProbeInput[] probing)
    {
        var probed = TemplateProbe.Bounded(renderer);
        return Array.ConvertAll(probing, input => new PromptRenderer(renderer, probed, traits, input));
    }

    public ChatPromptRenderer Renderer { get; }

    /// <summary>The traits of the messages that it expects.</summary>
    public TemplateTraits Traits { get; }

    /// <summary>The parts of a conversation that it prints.</summary>
    public VllmTemplateAbilities Abilities { get; }

    /// <summary>The template's source; null for a built-in renderer.</summary>
    public string? Source { get; }
}
