using System.Collections.Concurrent;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.Tokenizers;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Connectors.Vllm;

/// <summary>
/// Everything that is needed to use a served model: tokenizer, chat template, output format, stop token ids, limits and sampling defaults, and where
/// each came from. Created once per model and shared. Immutable and thread-safe.
/// </summary>
public sealed class VllmModelProfile
{
    /// <summary>Limits the memory for names that differ with each request.</summary>
    private const int MaxMentions = 256;

    private readonly ConcurrentDictionary<string, bool> _mentioned = new(StringComparer.Ordinal);
    private readonly OutputFormatHints _formatHints;
    private readonly PromptRenderers _renderers;

    private VllmModelProfile(ModelAssets assets, VllmModelInfo? info, VllmCapabilities? capabilities, VllmGrpcOptions options, ILogger logger,
        string? directory = null)
    {
        Options = options;
        var files = assets.Files.Files;
        FilesOrigin = assets.Files.Origin;
        ModelInfo = info;
        Capabilities = capabilities ?? new VllmCapabilities();
        Config = assets.Config;
        Tokenizer = assets.Tokenizer;
        Templates = assets.Templates;
        ModelId = FirstOf(options.ModelId, info?.ServedModelName, info?.ModelId, options.ModelRepository,
            FolderName(directory ?? options.ModelDirectory));
        ModelType = FirstOf(info?.ModelType, Config.ModelType);
        ContextLength = info?.ContextLength ?? Config.ContextLength;
        VocabularySize = info?.VocabularySize ?? Config.VocabularySize ?? Tokenizer.MaxTokenId + 1;
        SamplingDefaults = ChooseSampling(info);
        StopTokens = StopTokenSet.From(Config, info, Tokenizer);
        SpecialTokens = Tokenizer.AddedTokens.Where(static token => token.IsSpecial)
            .ToDictionary(static token => token.Id, static token => token.Content);
        _renderers = new PromptRenderers(Templates, options, Architectures, ModelType, files);
        _formatHints = new OutputFormatHints
        {
            ToolParser = options.ToolCallParser,
            ReasoningParser = options.ReasoningParser,
            ServerToolParser = Capabilities.ToolCallParser,
            ServerReasoningParser = Capabilities.ReasoningParser,
            ModelType = ModelType,
            Architectures = Architectures,
            ChatTemplate = _renderers.WithTools?.Source,
            FindToken = Tokenizer.TokenToId,
            ResponseTemplate = Config.ResponseTemplate,
            ModelName = FirstOf(info?.ModelId, ModelId),
        };
        Format = OutputFormat.Select(_formatHints);
        Log.ProfileLoaded(logger, ModelId, FilesOrigin, $"{Format.ToolParser}/{Format.ReasoningParser}",
            $"{Format.ToolParserReason}; {Format.ReasoningParserReason}", ContextLength ?? 0);
        if (Format.Warning is { } warning)
        {
            Log.ConstraintWarning(logger, warning);
        }
    }

    /// <summary>The model's name, as responses report it.</summary>
    public string ModelId { get; }

    /// <summary>The model information reported by the server; <see langword="null"/> for a profile created from a folder alone.</summary>
    public VllmModelInfo? ModelInfo { get; }

    /// <summary>The capabilities of the server; the neutral defaults for a profile created from a folder alone.</summary>
    public VllmCapabilities Capabilities { get; }

    /// <summary>Where the tokenizer and template came from, for display.</summary>
    public string FilesOrigin { get; }

    /// <summary>The tokenizer.</summary>
    public VllmTokenizer Tokenizer { get; }

    /// <summary>The model's chat templates and special tokens.</summary>
    public ChatTemplateSource Templates { get; }

    /// <summary>How the model writes reasoning and tool calls, and why that was chosen.</summary>
    public OutputFormat Format { get; }

    /// <summary>The <c>model_type</c> in config.json; <see langword="null"/> if unknown.</summary>
    public string? ModelType { get; }

    /// <summary>The <c>architectures</c> in config.json.</summary>
    public IReadOnlyList<string> Architectures => ModelInfo is { Architectures.Count: > 0 } ? ModelInfo.Architectures : Config.Architectures;

    /// <summary>The maximum number of tokens of prompt and answer together; <see langword="null"/> if unknown.</summary>
    public int? ContextLength { get; }

    /// <summary>The size of the vocabulary; all token ids are below it.</summary>
    public int VocabularySize { get; }

    /// <summary>
    /// All token ids that end an answer: those in config.json and generation_config.json, and the tokenizer's end-of-sequence token.
    /// </summary>
    public IReadOnlyList<int> StopTokenIds => StopTokens.All;

    /// <summary>The model's own sampling defaults; <see langword="null"/> if it has none.</summary>
    public SamplingOptions? SamplingDefaults { get; }

    /// <summary>The name of the chat template, or of the built-in renderer, that renders the prompt.</summary>
    public string? TemplateOrigin => _renderers.Origin;

    /// <summary>The abilities of the template for requests with tools; null if the model has no template.</summary>
    internal VllmTemplateAbilities? TemplateAbilities => _renderers.WithTools?.Abilities;

    /// <summary>The options of the profile.</summary>
    internal VllmGrpcOptions Options { get; }

    internal ModelConfig Config { get; }

    internal StopTokenSet StopTokens { get; }

    internal IReadOnlyDictionary<int, string> SpecialTokens { get; }

    /// <summary>Creates a profile from a model folder, without a server, for counting tokens, prompt previews and tools.</summary>
    /// <param name="directory">A folder with the model's tokenizer.json and its other configuration files.</param>
    /// <param name="options">The choice of template and formats; <see langword="null"/> uses the defaults.</param>
    /// <param name="cancellationToken">Cancels the load.</param>
    /// <returns>The profile.</returns>
    /// <exception cref="VllmModelException">The folder has no usable tokenizer, or one of its files is invalid.</exception>
    public static async Task<VllmModelProfile> FromDirectoryAsync(
        string directory, VllmGrpcOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        options = options?.Clone() ?? new VllmGrpcOptions();
        var files = await ModelFileLocator.LoadAsync(
            [new DirectorySource(directory, options.Connection.MaxTokenizerBytes, options.Tokenizer is null)],
            ModelIdentity.From(FolderName(directory)),
            options.Tokenizer is null,
            NullLogger.Instance,
            cancellationToken).ConfigureAwait(false);
        return Create(ModelAssets.Read(files, options), null, null, options, NullLogger.Instance, directory);
    }

    internal static VllmModelProfile Create(ModelAssets assets, VllmModelInfo? info, VllmCapabilities? capabilities, VllmGrpcOptions options,
        ILogger logger, string? directory = null) =>
        VllmModelException.Guard(assets.Files.Origin, () => new VllmModelProfile(assets, info, capabilities, options, logger, directory));

    /// <summary>Returns true once for each name, for warnings that are not repeated with every request.</summary>
    internal bool IsFirstMention(string name) => _mentioned.Count < MaxMentions && _mentioned.TryAdd(name, true);

    /// <summary>Gets the format of a request, which may override the parsers.</summary>
    /// <exception cref="OutputFormatException">A parser name is unknown.</exception>
    internal OutputFormat FormatFor(string? toolParser, string? reasoningParser) => toolParser is null && reasoningParser is null
        ? Format
        : OutputFormat.Select(_formatHints with { ToolParser = toolParser ?? _formatHints.ToolParser,
            ReasoningParser = reasoningParser ?? _formatHints.ReasoningParser });

    /// <summary>Gets the renderer of a request.</summary>
    /// <exception cref="ChatTemplateException">Neither the model nor the request has a template, or the request's template is invalid.</exception>
    internal PromptRenderer RendererFor(bool hasTools, string? requestTemplate)
    {
        if (requestTemplate is not null)
        {
            return _renderers.OfRequest(requestTemplate, hasTools);
        }

        return (hasTools ? _renderers.WithTools : _renderers.Plain) ?? throw new ChatTemplateException(
            $"The model '{ModelId}' has no chat template (files from {FilesOrigin}). Set VllmGrpcOptions.ChatTemplate, or use raw completions.");
    }

    private SamplingOptions? ChooseSampling(VllmModelInfo? info)
    {
        if (info?.DefaultSampling is { } told)
        {
            return told;
        }

        // A VllmEngine server that reports its names but no defaults was started with --generation-config vllm.
        return Capabilities.Protocol == VllmProtocol.VllmEngine && info is { ServedModelName.Length: > 0 } ? null : Config.Sampling;
    }

    /// <summary>Gets the name of the folder, or the hub id if the folder is a snapshot in a hub cache.</summary>
    private static string? FolderName(string? directory)
    {
        if (string.IsNullOrEmpty(directory))
        {
            return null;
        }

        var full = Path.GetFullPath(directory);
        return ModelIdentity.From(null, full).Repository ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(full));
    }

    private static string FirstOf(params ReadOnlySpan<string?> candidates)
    {
        foreach (var candidate in candidates)
        {
            if (!string.IsNullOrEmpty(candidate))
            {
                return candidate;
            }
        }

        return string.Empty;
    }
}
