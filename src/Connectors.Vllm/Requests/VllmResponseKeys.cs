namespace Connectors.Vllm;

/// <summary>
/// The keys under which answers and histories carry what <see cref="Microsoft.Extensions.AI.ChatMessage"/> has no member for. Those of requests are
/// in
/// <see cref="VllmOptions"/>.
/// </summary>
internal static class VllmResponseKeys
{
    /// <summary>Where the final update of an answer carries the log probabilities.</summary>
    public const string ResponseLogprobs = "logprobs";

    /// <summary>Where the final update of an answer carries the log probabilities of the prompt.</summary>
    public const string ResponsePromptLogprobs = "prompt_logprobs";

    /// <summary>Where the final update carries the prompt's token ids when they were asked for.</summary>
    public const string ResponsePromptTokenIds = "prompt_token_ids";

    /// <summary>Where the final update carries the generated token ids when they were asked for.</summary>
    public const string ResponseTokenIds = "token_ids";

    /// <summary>Where the final update names what stopped the model: a stop string or a stop token id.</summary>
    public const string ResponseStopReason = "stop_reason";

    /// <summary>Where the final update carries the server's answer to key-value cache transfer parameters.</summary>
    public const string ResponseKvTransferParameters = "kv_transfer_params";

    /// <summary>Where the final update carries the request id that the server knows.</summary>
    public const string ResponseRequestId = "request_id";

    /// <summary>
    /// Where a tool call keeps the argument text exactly as the model wrote it, so that re-sent histories keep their prompt prefix.
    /// </summary>
    public const string RawArguments = "vllm.raw_arguments";
}
