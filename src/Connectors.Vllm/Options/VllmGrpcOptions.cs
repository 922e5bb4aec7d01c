using System.ComponentModel.DataAnnotations;
using System.Text.RegularExpressions;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm;

/// <summary>
/// The options for a vLLM server and the model it serves. Most servers need only the address. A client copies the options when it is created; later
/// changes have no effect on it.
/// </summary>
/// <remarks>
/// Every property except delegates and objects can be set from configuration under its own name (<c>Endpoint</c>, <c>ModelDirectory</c>,
/// <c>Connection:CallTimeout</c> …).
/// </remarks>
public sealed partial class VllmGrpcOptions : IValidatableObject
{
    /// <summary>The values besides names of parsers: no parser, detection, and the model's own response template.</summary>
    private static readonly string[] ParserChoices = ["none", "auto", "hf"];

    /// <summary>
    /// The server's address, for example <c>http://gpu-box:50051</c> or, with TLS, <c>https://gpu-box:50051</c>. The only element of
    /// <see cref="Endpoints"/>; <see langword="null"/> if there is none or more than one.
    /// </summary>
    public Uri? Endpoint
    {
        get => Endpoints.Count == 1 ? Endpoints[0] : null;
        set
        {
            Endpoints.Clear();
            if (value is not null)
            {
                Endpoints.Add(value);
            }
        }
    }

    /// <summary>
    /// The addresses of servers that serve the same model; the same list as <see cref="VllmConnectionOptions.Endpoints"/> of
    /// <see cref="Connection"/>. If empty, <c>VLLM_GRPC_HOST</c>:<c>VLLM_GRPC_PORT</c> is used, which defaults to localhost:9000.
    /// </summary>
    public IList<Uri> Endpoints => Connection.Endpoints;

    /// <summary>The transport options: protocol, timeouts, TLS, credentials, retries.</summary>
    public VllmConnectionOptions Connection { get; private init; } = new();

    /// <summary>
    /// The name of the model. It is sent with requests if the protocol can select among served models, and client metadata reports it from the start.
    /// <see langword="null"/> uses the server's default model, whose name is then known after the first call.
    /// </summary>
    public string? ModelId { get; set; }

    /// <summary>
    /// Whether a request for a model that the server does not serve (by <c>ChatOptions.ModelId</c> or by <see cref="ModelId"/>) throws
    /// <see cref="VllmRequestException"/>. Off by default, because a server of the VllmEngine protocol serves exactly one model, and the options of
    /// applications often contain the model name of another provider.
    /// </summary>
    public bool RequireServedModel { get; set; }

    /// <summary>
    /// A local folder with the model's files (tokenizer.json, tokenizer_config.json, config.json …); takes precedence over every other source.
    /// </summary>
    public string? ModelDirectory { get; set; }

    /// <summary>The model's id on the Hugging Face hub (<c>org/name</c>), if the server's model name does not contain it.</summary>
    public string? ModelRepository { get; set; }

    /// <summary>
    /// The branch, tag or commit of <see cref="ModelRepository"/>; <see langword="null"/> uses the one in the server's model path, or else
    /// <c>main</c>.
    /// </summary>
    public string? ModelRevision { get; set; }

    /// <summary>
    /// Whether tokenizer and chat template may be downloaded from the hub if neither <see cref="ModelDirectory"/>, the server nor the local Hugging
    /// Face cache has them. Default: true; <c>HF_HUB_OFFLINE</c> also turns it off. Weights are never downloaded.
    /// </summary>
    public bool AllowModelDownload { get; set; } = true;

    /// <summary>The address of the hub; <see langword="null"/> uses <c>HF_ENDPOINT</c>, or else https://huggingface.co.</summary>
    public Uri? HubEndpoint { get; set; }

    /// <summary>
    /// The local cache folder of the hub; <see langword="null"/> uses <c>HF_HUB_CACHE</c>, <c>HF_HOME</c>, or the user's cache folder.
    /// </summary>
    public string? HubCacheDirectory { get; set; }

    /// <summary>
    /// The access token of the hub, for gated models; <see langword="null"/> uses <c>HF_TOKEN</c> or the token file of the Python library.
    /// </summary>
    public string? HubToken { get; set; }

    /// <summary>Receives the progress of downloads from the hub; <see langword="null"/> reports none.</summary>
    public IProgress<ModelDownloadProgress>? DownloadProgress { get; set; }

    /// <summary>A chat template (Jinja source) to use instead of the model's own.</summary>
    public string? ChatTemplate { get; set; }

    /// <summary>The form of message content that the chat template expects; <see langword="null"/> detects it as vLLM does.</summary>
    public ChatContentFormat? ContentFormat { get; set; }

    /// <summary>Chat template variables for every request (<c>enable_thinking</c> …); those of a request take precedence.</summary>
    public IDictionary<string, object?> ChatTemplateArguments { get; } = new Dictionary<string, object?>(StringComparer.Ordinal);

    /// <summary>
    /// The tool-call format by the name of vLLM's parser (<c>hermes</c>, <c>llama3_json</c> …), or <c>none</c>; <see langword="null"/> detects it
    /// from the model.
    /// </summary>
    public string? ToolCallParser { get; set; }

    /// <summary>
    /// The reasoning format by the name of vLLM's parser (<c>deepseek_r1</c> …), or <c>none</c>; <see langword="null"/> detects it from the model.
    /// </summary>
    public string? ReasoningParser { get; set; }

    /// <summary>
    /// Whether a tool call whose arguments are not a JSON object is returned as a call with an exception. Default: false, which returns its raw text
    /// as text, so that no function is invoked by accident.
    /// </summary>
    public bool ReturnMalformedToolCalls { get; set; }

    /// <summary>Whether a call to a function that is not among the request's tools is returned as text. Default: false.</summary>
    public bool ValidateToolNames { get; set; }

    /// <summary>Whether stop sequences also match in the reasoning. Default: false, which matches them in the visible answer only.</summary>
    public bool StopInReasoning { get; set; }

    /// <summary>
    /// Whether reasoning in earlier assistant messages is passed to the chat template, which decides what to include. Default: true; the prompt of
    /// the next turn can then begin with the tokens the server has cached.
    /// </summary>
    public bool SendReasoningHistory { get; set; } = true;

    /// <summary>
    /// Whether a chat template may leave texts, calls or results of the conversation out of the prompt, for templates that do so on purpose. Default:
    /// false, which refuses such a request and names what is missing; if true, it is logged.
    /// </summary>
    public bool AllowIncompletePrompts { get; set; }

    /// <summary>
    /// Whether text in messages may become control tokens, as in vLLM's own HTTP server. Default: false; see the option of the same name on
    /// <c>ChatOptions</c>.
    /// </summary>
    public bool AllowControlTokensInContent { get; set; }

    /// <summary>
    /// The added tokens, by their content, that text in messages may become although other control tokens are not recognized there, for example
    /// <c>&lt;think&gt;</c>. Tokens that the model does not have are ignored. Empty by default.
    /// </summary>
    public IList<string> TokensAllowedInContent { get; } = [];

    /// <summary>
    /// The model's tokenizer; <see langword="null"/> (the default) loads it from the model's files. Any tokenizer of Microsoft.ML.Tokenizers can be
    /// used for a model whose files cannot be read (its added tokens then come from tokenizer_config.json, if there is one), as can a shared
    /// <see cref="VllmTokenizer"/>. It must be thread-safe and produce the token ids of the served model.
    /// </summary>
    public Microsoft.ML.Tokenizers.Tokenizer? Tokenizer { get; set; }

    /// <summary>
    /// Whether a JSON schema of the response format is also described to the model in a system message. Default: false, because the server enforces
    /// it anyway.
    /// </summary>
    public bool DescribeSchemaInPrompt { get; set; }

    /// <summary>
    /// Whether http and https addresses of media are passed to the server. The <em>server</em> fetches them, with its own network access; turn this
    /// off if addresses come from untrusted users. Default: true.
    /// </summary>
    public bool AllowRemoteMedia { get; set; } = true;

    /// <summary>
    /// The text that represents an image in chat templates that take string content, for example <c>&lt;image&gt;</c>; <see langword="null"/>
    /// determines it from the model type.
    /// </summary>
    public string? ImagePlaceholder { get; set; }

    /// <summary>
    /// The single token in the prompt that the server replaces by an image, for example <c>&lt;|image_pad|&gt;</c>; <see langword="null"/> determines
    /// it from the model type.
    /// </summary>
    public string? ImageToken { get; set; }

    /// <summary>Creates a copy that is not affected by later changes to this object.</summary>
    internal VllmGrpcOptions Clone()
    {
        var copy = new VllmGrpcOptions
        {
            Connection = Connection.Clone(),
            ModelId = ModelId,
            RequireServedModel = RequireServedModel,
            ModelDirectory = ModelDirectory,
            ModelRepository = ModelRepository,
            ModelRevision = ModelRevision,
            AllowModelDownload = AllowModelDownload,
            HubEndpoint = HubEndpoint,
            HubCacheDirectory = HubCacheDirectory,
            HubToken = HubToken,
            DownloadProgress = DownloadProgress,
            ChatTemplate = ChatTemplate,
            ContentFormat = ContentFormat,
            ToolCallParser = ToolCallParser,
            ReasoningParser = ReasoningParser,
            ReturnMalformedToolCalls = ReturnMalformedToolCalls,
            ValidateToolNames = ValidateToolNames,
            StopInReasoning = StopInReasoning,
            SendReasoningHistory = SendReasoningHistory,
            AllowIncompletePrompts = AllowIncompletePrompts,
            AllowControlTokensInContent = AllowControlTokensInContent,
            DescribeSchemaInPrompt = DescribeSchemaInPrompt,
            AllowRemoteMedia = AllowRemoteMedia,
            ImagePlaceholder = ImagePlaceholder,
            ImageToken = ImageToken,
            Tokenizer = Tokenizer,
        };
        foreach (var token in TokensAllowedInContent)
        {
            copy.TokensAllowedInContent.Add(token);
        }

        foreach (var (name, value) in ChatTemplateArguments)
        {
            copy.ChatTemplateArguments[name] = value;
        }

        return copy;
    }

    /// <summary>Every invalid option; member names are configuration keys (<c>Connection:CallTimeout</c>).</summary>
    internal IEnumerable<ValidationResult> Check()
    {
        foreach (var problem in ((IValidatableObject)Connection).Validate(new ValidationContext(Connection, nameof(Connection), null, null)))
        {
            var key = problem.MemberNames.First();
            yield return key == nameof(Endpoints) ? problem : new ValidationResult(problem.ErrorMessage, [$"{nameof(Connection)}:{key}"]);
        }

        foreach (var problem in CheckModel().Concat(CheckParser(ToolCallParser, nameof(ToolCallParser), OutputFormat.ToolParsers))
            .Concat(CheckParser(ReasoningParser, nameof(ReasoningParser), OutputFormat.ReasoningParsers)))
        {
            yield return problem;
        }
    }

    /// <inheritdoc/>
    IEnumerable<ValidationResult> IValidatableObject.Validate(ValidationContext validationContext) => Check();

    private IEnumerable<ValidationResult> CheckModel()
    {
        if (ModelId is not null && string.IsNullOrWhiteSpace(ModelId))
        {
            yield return new ValidationResult("The name is empty; omit it to use the server's model.", [nameof(ModelId)]);
        }

        if (ModelDirectory is not null && !Directory.Exists(ModelDirectory))
        {
            yield return new ValidationResult($"The directory '{ModelDirectory}' does not exist.", [nameof(ModelDirectory)]);
        }

        if (ModelRepository is not null && !IsRepositoryId(ModelRepository))
        {
            yield return new ValidationResult($"'{ModelRepository}' is not a hub id; use owner/name, such as Qwen/Qwen3-8B.",
                [nameof(ModelRepository)]);
        }

        if (HubEndpoint is { } hub && !(hub.IsAbsoluteUri && hub.Scheme is "http" or "https"))
        {
            yield return new ValidationResult($"'{hub}' is not an http or https address.", [nameof(HubEndpoint)]);
        }

        if (ChatTemplate is not null && string.IsNullOrWhiteSpace(ChatTemplate))
        {
            yield return new ValidationResult("The template is empty; omit it to use the model's own template.", [nameof(ChatTemplate)]);
        }
    }

    private static IEnumerable<ValidationResult> CheckParser(string? name, string key, IReadOnlyList<string> known)
    {
        if (name is not null && !known.Concat(ParserChoices).Contains(name.Trim(), StringComparer.OrdinalIgnoreCase))
        {
            var names = string.Join(", ", ParserChoices.Concat(known.Order(StringComparer.Ordinal)).Distinct(StringComparer.Ordinal));
            yield return new ValidationResult($"'{name}' is unknown; omit it to detect the format from the model, or use one of {names}.",
                [key]);
        }
    }

    /// <summary>https://huggingface.co/docs/hub/repositories: owner and name of letters, digits, '-', '_' and '.'.</summary>
    internal static bool IsRepositoryId(string text) => RepositoryId().IsMatch(text);

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$", RegexOptions.CultureInvariant)]
    private static partial Regex RepositoryId();
}

/// <summary>The progress of downloading one of a model's files.</summary>
/// <param name="File">The name of the file in the repository.</param>
/// <param name="BytesReceived">The number of bytes on disk so far, including those of an earlier attempt.</param>
/// <param name="TotalBytes">The size of the file in bytes; <see langword="null"/> if the hub does not report it.</param>
public readonly record struct ModelDownloadProgress(string File, long BytesReceived, long? TotalBytes);
