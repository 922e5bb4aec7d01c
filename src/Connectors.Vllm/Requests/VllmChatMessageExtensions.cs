using System.Text.Json;
using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>
/// Reads vLLM's additional results from a response. They are JSON values in the <c>AdditionalProperties</c> of each message (one message per choice),
/// so they survive caching and serialization.
/// </summary>
public static class VllmChatMessageExtensions
{
    extension(ChatMessage message)
    {
        /// <summary>
        /// The log probabilities of the generated tokens; <see langword="null"/> if they were not requested (<c>ChatOptions.Logprobs</c>).
        /// </summary>
        public IReadOnlyList<TokenLogprob>? TokenLogprobs => ReadLogprobs(Property(message, VllmResponseKeys.ResponseLogprobs));

        /// <summary>
        /// The log probabilities of the prompt's tokens, of which the first has none; <see langword="null"/> if they were not requested
        /// (<c>ChatOptions.PromptLogprobs</c>).
        /// </summary>
        public IReadOnlyList<TokenLogprob>? PromptTokenLogprobs =>
            ReadLogprobs(Property(message, VllmResponseKeys.ResponsePromptLogprobs));

        /// <summary>The generated token ids; <see langword="null"/> if they were not requested (<c>ChatOptions.ReturnTokenIds</c>).</summary>
        public IReadOnlyList<int>? TokenIds => Ids(message, VllmResponseKeys.ResponseTokenIds);

        /// <summary>The prompt's token ids; <see langword="null"/> if they were not requested (<c>ChatOptions.ReturnTokenIds</c>).</summary>
        public IReadOnlyList<int>? PromptTokenIds => Ids(message, VllmResponseKeys.ResponsePromptTokenIds);

        /// <summary>
        /// The stop string, or the id of the stop token as text, that ended the answer; <see langword="null"/> if the model ended it.
        /// </summary>
        public string? StopReason
        {
            get
            {
                ArgumentNullException.ThrowIfNull(message);
                return new PropertyReader(message.AdditionalProperties).TextOrJson(VllmResponseKeys.ResponseStopReason);
            }
        }

        /// <summary>The server's response to KV cache transfer parameters, as a JSON object; <see langword="null"/> if there is none.</summary>
        public string? KvTransferResult
        {
            get
            {
                ArgumentNullException.ThrowIfNull(message);
                return new PropertyReader(message.AdditionalProperties).TextOrJson(VllmResponseKeys.ResponseKvTransferParameters);
            }
        }
    }

    private static object? Property(ChatMessage message, string key)
    {
        ArgumentNullException.ThrowIfNull(message);
        return message.AdditionalProperties?.TryGetValue(key, out var value) == true ? value : null;
    }

    private static IReadOnlyList<TokenLogprob>? ReadLogprobs(object? value) =>
        value is JsonElement { ValueKind: JsonValueKind.Array } array ? [.. array.EnumerateArray().Select(ReadLogprob)] : null;

    private static TokenLogprob ReadLogprob(JsonElement element) => new(
        element.GetProperty("id").GetInt32(),
        element.GetProperty("logprob") is { ValueKind: JsonValueKind.Number } logprob ? logprob.GetSingle() : null,
        element.TryGetProperty("rank", out var rank) ? rank.GetInt32() : null)
    {
        Text = element.GetProperty("token").GetString()!,
        Alternatives = element.TryGetProperty("top", out var top) ? [.. top.EnumerateArray().Select(ReadLogprob)] : [],
    };

    private static IReadOnlyList<int>? Ids(ChatMessage message, string key) =>
        Property(message, key) is JsonElement { ValueKind: JsonValueKind.Array } array
            ? [.. array.EnumerateArray().Select(static item => item.GetInt32())] : null;
}

/// <summary>The keys of additional properties in answers and histories. Those of requests are in <see cref="VllmOptions"/>.</summary>
internal static class VllmResponseKeys
{
    /// <summary>The key of the log probabilities in the final update.</summary>
    public const string ResponseLogprobs = "logprobs";

    /// <summary>The key of the prompt's log probabilities in the final update.</summary>
    public const string ResponsePromptLogprobs = "prompt_logprobs";

    /// <summary>The key of the prompt's token ids in the final update, if they were requested.</summary>
    public const string ResponsePromptTokenIds = "prompt_token_ids";

    /// <summary>The key of the generated token ids in the final update, if they were requested.</summary>
    public const string ResponseTokenIds = "token_ids";

    /// <summary>The key of the stop string or stop token id that ended the answer, in the final update.</summary>
    public const string ResponseStopReason = "stop_reason";

    /// <summary>The key of the server's response to KV cache transfer parameters, in the final update.</summary>
    public const string ResponseKvTransferParameters = "kv_transfer_params";

    /// <summary>The key of the request id in the final update.</summary>
    public const string ResponseRequestId = "request_id";

    /// <summary>
    /// The key of the arguments of a tool call exactly as the model wrote them, which keep the prompt prefix of later requests unchanged.
    /// </summary>
    public const string RawArguments = "vllm.raw_arguments";
}
