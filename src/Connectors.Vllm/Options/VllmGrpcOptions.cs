using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;

namespace Connectors.Vllm;

/// <summary>
/// Everything about one vLLM server and the model it serves. The address is enough for most servers; the rest are defaults and switches.
/// Read when the first client is made; later changes have no effect on it.
/// </summary>
/// <remarks>
/// From configuration, every property can be given under its own name (<c>Endpoint</c>, <c>ModelDirectory</c>, <c>Connection:CallTimeout</c> …).
/// </remarks>
public sealed class VllmGrpcOptions
{
    /// <summary>Addresses of servers that serve the same model; the same list as <see cref="VllmConnectionOptions.Endpoints"/> of <see cref="Connection"/>.</summary>
    public IList<Uri> Endpoints => Connection.Endpoints;

    /// <summary>Transport: protocol, timeouts, TLS, credentials, retries.</summary>
    public VllmConnectionOptions Connection { get; } = new();

    /// <summary>
    /// The model's name. Requests carry it where the protocol can choose among served models, and client metadata names it from the start;
    /// <see langword="null"/> takes the server's default model and learns its name with the first call.
    /// </summary>
    public string? ModelId { get; set; }

    /// <summary>
    /// Whether a request that names a model the server does not serve is refused (<see cref="VllmRequestException"/>). Off by default, because the
    /// engine family serves exactly one model and applications often carry another provider's name in their options.
    /// </summary>
    public bool RequireServedModel { get; set; }

    /// <summary>A folder with the model's tokenizer.json, tokenizer_config.json, config.json … on this machine. Wins over every other source.</summary>
    public string? ModelDirectory { get; set; }

    /// <summary>The model's id on the hub (<c>org/name</c>), for servers whose names do not tell it.</summary>
    public string? ModelRepository { get; set; }

    /// <summary>Branch, tag or commit of <see cref="ModelRepository"/>; <see langword="null"/> takes what the server's path names, else <c>main</c>.</summary>
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

    /// <summary>Access token for gated models; <see langword="null"/> takes <c>HF_TOKEN</c> or the token file of the Python library.</summary>
    public string? HubToken { get; set; }

    /// <summary>Hears about downloads from the hub.</summary>
    public IProgress<ModelDownloadProgress>? DownloadProgress { get; set; }

    /// <summary>A chat template (Jinja source) to use instead of the model's own.</summary>
    public string? ChatTemplate { get; set; }

    /// <summary>The shape of message content the template wants; <see langword="null"/> detects it as vLLM does.</summary>
    public ChatContentFormat? ContentFormat { get; set; }

    /// <summary>Template variables for every request (<c>enable_thinking</c> …); a request's own win.</summary>
    public IDictionary<string, object?> ChatTemplateArguments { get; } = new Dictionary<string, object?>(StringComparer.Ordinal);

    /// <summary>The tool call format by vLLM's parser name (<c>hermes</c>, <c>llama3_json</c> …), or <c>none</c>; <see langword="null"/> finds it out from the model.</summary>
    public string? ToolCallParser { get; set; }

    /// <summary>The reasoning format by vLLM's parser name (<c>deepseek_r1</c> …), or <c>none</c>; <see langword="null"/> finds it out from the model.</summary>
    public string? ReasoningParser { get; set; }

    /// <summary>What happens to a tool call whose arguments are no JSON object. The default hands its raw text out as text, so that nothing runs by accident.</summary>
    public MalformedCallPolicy MalformedToolCalls { get; set; }

    /// <summary>Whether a call of a function that is not among the request's tools comes out as text. Default false.</summary>
    public bool ValidateToolNames { get; set; }

    /// <summary>Whether stop sequences also end a thought. Default false: they are looked for in the visible answer only.</summary>
    public bool StopInReasoning { get; set; }

    /// <summary>
    /// Whether reasoning in earlier assistant messages goes back to the template, which decides what to print. Default true; with it, the next turn's
    /// prompt can begin with the tokens the server has cached.
    /// </summary>
    public bool SendReasoningHistory { get; set; } = true;

    /// <summary>Lets text in messages become control tokens, as vLLM's own HTTP server does. Default false, see the option of the same name on <c>ChatOptions</c>.</summary>
    public bool AllowControlTokensInContent { get; set; }

    /// <summary>Whether a JSON schema of the response format is also described to the model in a system message. Default false: the server enforces it anyway.</summary>
    public bool DescribeSchemaInPrompt { get; set; }

    /// <summary>
    /// Whether http and https addresses of media are passed on. The <em>server</em> fetches them, with its own network access; switch it off when
    /// addresses come from people you do not trust. Default true.
    /// </summary>
    public bool AllowRemoteMedia { get; set; } = true;

    /// <summary>What stands for an image in the text of templates that take string content, e.g. <c>&lt;image&gt;</c>; <see langword="null"/> knows it by model type.</summary>
    public string? ImagePlaceholder { get; set; }

    /// <summary>The one token in the prompt that the server replaces by an image, e.g. <c>&lt;|image_pad|&gt;</c>; <see langword="null"/> knows it by model type.</summary>
    public string? ImageToken { get; set; }
}
