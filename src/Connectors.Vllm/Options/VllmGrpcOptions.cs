using System.ComponentModel.DataAnnotations;
using System.Text.RegularExpressions;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm;

/// <summary>
/// A vLLM server and the model it serves. The address is enough for most servers; everything else is a default or a switch. A client copies the
/// options when it is created, so later changes have no effect on it.
/// </summary>
/// <remarks>
/// Every property but the delegates can be set from configuration under its own name (<c>Endpoint</c>, <c>ModelDirectory</c>,
/// <c>Connection:CallTimeout</c> …).
/// </remarks>
public sealed partial class VllmGrpcOptions : IValidatableObject
{
    /// <summary>What can stand in place of a parser's name: no parser, the model's choice, and the model's own response template.</summary>
    private static readonly string[] ParserChoices = ["none", "auto", "hf"];

    /// <summary>
    /// The server's address, e.g. <c>http://gpu-box:50051</c> or, with TLS, <c>https://gpu-box:50051</c>. Several servers: <see cref="Endpoints"/>,
    /// of which this is the only element; <see langword="null"/> when there is none or more than one.
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
    /// Addresses of servers that serve the same model; the same list as <see cref="VllmConnectionOptions.Endpoints"/> of <see cref="Connection"/>.
    /// Empty means
    /// <c>VLLM_GRPC_HOST</c>:<c>VLLM_GRPC_PORT</c>, which default to localhost:9000.
    /// </summary>
    public IList<Uri> Endpoints => Connection.Endpoints;

    /// <summary>Transport: protocol, timeouts, TLS, credentials, retries.</summary>
    public VllmConnectionOptions Connection { get; private init; } = new();

    /// <summary>
    /// The model's name. Requests carry it where the protocol can choose among served models, and client metadata names it from the start;
    /// <see langword="null"/> takes the server's default model and learns its name with the first call.
    /// </summary>
    public string? ModelId { get; set; }

    /// <summary>
    /// Whether a request for a model that the server does not serve is refused (<see cref="VllmRequestException"/>), whether
    /// <c>ChatOptions.ModelId</c> names it or <see cref="ModelId"/>. Off by default, because a
    /// server of the VllmEngine protocol serves exactly one model and applications often carry another provider's name in their options.
    /// </summary>
    public bool RequireServedModel { get; set; }

    /// <summary>
    /// A folder with the model's tokenizer.json, tokenizer_config.json, config.json … on this machine. Wins over every other source.
    /// </summary>
    public string? ModelDirectory { get; set; }

    /// <summary>The model's id on the hub (<c>org/name</c>), for servers whose names do not tell it.</summary>
    public string? ModelRepository { get; set; }

    /// <summary>
    /// Branch, tag or commit of <see cref="ModelRepository"/>; <see langword="null"/> takes what the server's path names, else <c>main</c>.
    /// </summary>
    public string? ModelRevision { get; set; }

    /// <summary>
    /// Whether tokenizer and template may be downloaded from the hub when neither <see cref="ModelDirectory"/>, the server nor the local Hugging Face
    /// cache has them. Default true; <c>HF_HUB_OFFLINE</c> switches it off as well. Weights are never downloaded.
    /// </summary>
    public bool AllowModelDownload { get; set; } = true;

    /// <summary>The hub; <see langword="null"/> takes <c>HF_ENDPOINT</c>, else https://huggingface.co.</summary>
    public Uri? HubEndpoint { get; set; }

    /// <summary>The hub's local cache; <see langword="null"/> takes <c>HF_HUB_CACHE</c>, <c>HF_HOME</c>, or the user's cache folder.</summary>
    public string? HubCacheDirectory { get; set; }

    /// <summary>
    /// Access token of the hub, for gated models; <see langword="null"/> takes <c>HF_TOKEN</c> or the token file of the Python library.
    /// </summary>
    public string? HubToken { get; set; }

    /// <summary>Receives the progress of downloads from the hub; <see langword="null"/> reports none.</summary>
    public IProgress<ModelDownloadProgress>? DownloadProgress { get; set; }

    /// <summary>A chat template (Jinja source) to use instead of the model's own.</summary>
    public string? ChatTemplate { get; set; }

    /// <summary>The shape of message content the template expects; <see langword="null"/> detects it as vLLM does.</summary>
    public ChatContentFormat? ContentFormat { get; set; }

    /// <summary>Template variables for every request (<c>enable_thinking</c> …); a request's own win.</summary>
    public IDictionary<string, object?> ChatTemplateArguments { get; } = new Dictionary<string, object?>(StringComparer.Ordinal);

    /// <summary>
    /// The tool call format by vLLM's parser name (<c>hermes</c>, <c>llama3_json</c> …), or <c>none</c>; <see langword="null"/> detects it from the
    /// model.
    /// </summary>
    public string? ToolCallParser { get; set; }

    /// <summary>
    /// The reasoning format by vLLM's parser name (<c>deepseek_r1</c> …), or <c>none</c>; <see langword="null"/> detects it from the model.
    /// </summary>
    public string? ReasoningParser { get; set; }

    /// <summary>
    /// Whether a tool call whose arguments are not a JSON object is returned as a call with an exception. Default false: its raw text is returned as
    /// text, so that no function is invoked by accident.
    /// </summary>
    public bool ReturnMalformedToolCalls { get; set; }

    /// <summary>Whether a call of a function that is not among the request's tools is returned as text. Default false.</summary>
    public bool ValidateToolNames { get; set; }

    /// <summary>Whether stop sequences also match in the reasoning. Default false: they are matched in the visible answer only.</summary>
    public bool StopInReasoning { get; set; }

    /// <summary>
    /// Whether reasoning in earlier assistant messages goes back to the template, which decides what to print. Default true; with it, the next turn's
    /// prompt can begin with the tokens the server has cached.
    /// </summary>
    public bool SendReasoningHistory { get; set; } = true;

    /// <summary>
    /// Whether a chat template may leave texts, calls or results of the conversation out of the prompt, for templates that do so on purpose. Default
    /// false: such a request is refused with what is missing; when true, that is logged.
    /// </summary>
    public bool AllowIncompletePrompts { get; set; }

    /// <summary>
    /// Lets text in messages become control tokens, as vLLM's own HTTP server does. Default false, see the option of the same name on
    /// <c>ChatOptions</c>.
    /// </summary>
    public bool AllowControlTokensInContent { get; set; }

    /// <summary>
    /// Added tokens that text in messages may become although other control tokens stay text there, by their content, for example
    /// <c>&lt;think&gt;</c>. Names that a model does not know say nothing. Empty by default.
    /// </summary>
    public IList<string> TokensAllowedInContent { get; } = [];

    /// <summary>
    /// The model's tokenizer; null (the default) takes the one in the model's files. Any tokenizer of Microsoft.ML.Tokenizers will do, for a model
    /// whose files cannot be read (its added tokens then come from tokenizer_config.json, when there is one), and so does a
    /// <see cref="VllmTokenizer"/> that is shared. It must be thread-safe and give the ids of the served model.
    /// </summary>
    public Microsoft.ML.Tokenizers.Tokenizer? Tokenizer { get; set; }

    /// <summary>
    /// Whether a JSON schema of the response format is also described to the model in a system message. Default false: the server enforces it
    /// anyway.
    /// </summary>
    public bool DescribeSchemaInPrompt { get; set; }

    /// <summary>
    /// Whether http and https addresses of media are passed on. The <em>server</em> fetches them, with its own network access; switch it off when
    /// addresses come from untrusted users. Default true.
    /// </summary>
    public bool AllowRemoteMedia { get; set; } = true;

    /// <summary>
    /// What stands for an image in the text of templates that take string content, e.g. <c>&lt;image&gt;</c>; <see langword="null"/> knows it by
    /// model type.
    /// </summary>
    public string? ImagePlaceholder { get; set; }

    /// <summary>
    /// The one token in the prompt that the server replaces by an image, e.g. <c>&lt;|image_pad|&gt;</c>; <see langword="null"/> knows it by model
    /// type.
    /// </summary>
    public string? ImageToken { get; set; }

    /// <summary>A copy that later changes of this object do not reach.</summary>
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
            yield return new ValidationResult("The name is empty; leave the key out to use the server's model.", [nameof(ModelId)]);
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
            yield return new ValidationResult("The template is empty; leave the key out to use the model's own template.", [nameof(ChatTemplate)]);
        }
    }

    private static IEnumerable<ValidationResult> CheckParser(string? name, string key, IReadOnlyList<string> known)
    {
        if (name is not null && !known.Concat(ParserChoices).Contains(name.Trim(), StringComparer.OrdinalIgnoreCase))
        {
            var names = string.Join(", ", ParserChoices.Concat(known.Order(StringComparer.Ordinal)).Distinct(StringComparer.Ordinal));
            yield return new ValidationResult($"'{name}' is unknown; leave the key out to have it chosen by the model, or use one of {names}.",
                [key]);
        }
    }

    /// <summary>https://huggingface.co/docs/hub/repositories: owner and name of letters, digits, '-', '_' and '.'.</summary>
    internal static bool IsRepositoryId(string text) => RepositoryId().IsMatch(text);

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$", RegexOptions.CultureInvariant)]
    private static partial Regex RepositoryId();
}

/// <summary>How far the download of one of a model's small files has come.</summary>
/// <param name="File">The file's name in the repository.</param>
/// <param name="BytesReceived">Bytes on disk so far, including what an earlier attempt left.</param>
/// <param name="TotalBytes">The file's size in bytes; <see langword="null"/> when the hub does not tell.</param>
public readonly record struct ModelDownloadProgress(string File, long BytesReceived, long? TotalBytes);
