using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>
/// vLLM's parameters beyond those of <see cref="ChatOptions"/>, as typed properties: <c>new ChatOptions { Temperature = 0.7f, MinP = 0.05f }</c>.
/// </summary>
/// <remarks>
/// Values are stored in <see cref="ChatOptions.AdditionalProperties"/> under vLLM's own snake_case names and in a JSON-friendly form, so they survive
/// cloning, caching and serialization, and other providers ignore them. Setting <see langword="null"/> removes the key. Setters validate the value
/// and throw <see cref="ArgumentException"/> (<see cref="ArgumentOutOfRangeException"/> for a number out of range). Like <see cref="ChatOptions"/>
/// itself, not safe for concurrent writes.
/// </remarks>
public static class VllmChatOptionsExtensions
{
    extension(ChatOptions options)
    {
        /// <summary>The minimum probability of a token relative to the most likely one, from 0 (off) to 1. <c>min_p</c></summary>
        public float? MinP
        {
            get => VllmOptions.MinP.Get(options);
            set => VllmOptions.MinP.Set(options, value);
        }

        /// <summary>
        /// The penalty for tokens that already occurred in prompt or answer, above 0; 1 is off, greater values discourage them.
        /// <c>repetition_penalty</c>
        /// </summary>
        public float? RepetitionPenalty
        {
            get => VllmOptions.RepetitionPenalty.Get(options);
            set => VllmOptions.RepetitionPenalty.Set(options, value);
        }

        /// <summary>
        /// The minimum number of tokens to generate before the answer may end, 0 or more and not above <see cref="ChatOptions.MaxOutputTokens"/>.
        /// <c>min_tokens</c>
        /// </summary>
        public int? MinTokens
        {
            get => VllmOptions.MinTokens.Get(options);
            set => VllmOptions.MinTokens.Set(options, value);
        }

        /// <summary>Whether to continue past the end-of-sequence token, up to the token limit; for benchmarks. <c>ignore_eos</c></summary>
        public bool? IgnoreEos
        {
            get => VllmOptions.IgnoreEos.Get(options);
            set => VllmOptions.IgnoreEos.Set(options, value);
        }

        /// <summary>Token ids that end the answer, in addition to the model's own. <c>stop_token_ids</c></summary>
        public IReadOnlyList<int>? StopTokenIds
        {
            get => VllmOptions.StopTokenIds.Get(options);
            set => VllmOptions.StopTokenIds.Set(options, value);
        }

        /// <summary>
        /// The log probabilities to return for the generated tokens: 0 for the chosen tokens only, n for n alternatives each (up to 20 by default on
        /// the server). They are returned with the final update, see <see cref="VllmChatMessageExtensions"/>. <c>logprobs</c>
        /// </summary>
        public int? Logprobs
        {
            get => VllmOptions.Logprobs.Get(options);
            set => VllmOptions.Logprobs.Set(options, value);
        }

        /// <summary>
        /// The log probabilities to return for the tokens of the prompt, as in <c>Logprobs</c>. Disables reading from the server's prefix cache for
        /// this request. <c>prompt_logprobs</c>
        /// </summary>
        public int? PromptLogprobs
        {
            get => VllmOptions.PromptLogprobs.Get(options);
            set => VllmOptions.PromptLogprobs.Set(options, value);
        }

        /// <summary>The values to add to the logits of the given token ids before sampling. <c>logit_bias</c></summary>
        public IReadOnlyDictionary<int, float>? LogitBias
        {
            get => VllmOptions.LogitBias.Get(options);
            set => VllmOptions.LogitBias.Set(options, value);
        }

        /// <summary>The only token ids that may be generated. Inference protocol only. <c>allowed_token_ids</c></summary>
        public IReadOnlyList<int>? AllowedTokenIds
        {
            get => VllmOptions.AllowedTokenIds.Get(options);
            set => VllmOptions.AllowedTokenIds.Set(options, value);
        }

        /// <summary>The number of answers to generate for one prompt, 1 or more. Each is returned as a separate message. <c>n</c></summary>
        public int? ChoiceCount
        {
            get => VllmOptions.ChoiceCount.Get(options);
            set => VllmOptions.ChoiceCount.Set(options, value);
        }

        /// <summary>A regular expression that the whole answer must match. <c>regex</c></summary>
        public string? OutputRegex
        {
            get => VllmOptions.Regex.Get(options);
            set => VllmOptions.Regex.Set(options, value);
        }

        /// <summary>A grammar (EBNF or Lark, depending on the server's backend) that the whole answer must match. <c>grammar</c></summary>
        public string? OutputGrammar
        {
            get => VllmOptions.Grammar.Get(options);
            set => VllmOptions.Grammar.Set(options, value);
        }

        /// <summary>The texts of which the answer must be exactly one. <c>choice</c></summary>
        public IReadOnlyList<string>? OutputChoices
        {
            get => VllmOptions.Choice.Get(options);
            set => VllmOptions.Choice.Set(options, value);
        }

        /// <summary>A structural tag (JSON, as defined by xgrammar), passed to the server unchanged. <c>structural_tag</c></summary>
        public string? StructuralTag
        {
            get => VllmOptions.StructuralTag.Get(options);
            set => VllmOptions.StructuralTag.Set(options, value);
        }

        /// <summary>
        /// Whether JSON (of a response format, and in forced tool calls) is limited to one white space character between tokens, which is the
        /// default. Without the limit, a small model can spend its whole token budget on line breaks. <c>bound_json_whitespace</c>
        /// </summary>
        public bool? BoundJsonWhiteSpace
        {
            get => VllmOptions.BoundWhiteSpace.Get(options);
            set => VllmOptions.BoundWhiteSpace.Set(options, value);
        }

        /// <summary>
        /// A chat template (Jinja source, or the name of one of the model's named templates) to use instead of the model's own.
        /// <c>chat_template</c>
        /// </summary>
        public string? ChatTemplate
        {
            get => VllmOptions.ChatTemplate.Get(options);
            set => VllmOptions.ChatTemplate.Set(options, value);
        }

        /// <summary>
        /// Additional variables for the chat template, such as <c>enable_thinking</c>, with JSON values. <c>chat_template_kwargs</c>
        /// </summary>
        public IReadOnlyDictionary<string, object?>? ChatTemplateArguments
        {
            get => VllmOptions.ChatTemplateArguments.Get(options);
            set => VllmOptions.ChatTemplateArguments.Set(options, value);
        }

        /// <summary>
        /// Whether to continue the last message instead of starting a new assistant turn, to prefill the beginning of an answer.
        /// <c>continue_final_message</c>
        /// </summary>
        public bool? ContinueFinalMessage
        {
            get => VllmOptions.ContinueFinalMessage.Get(options);
            set => VllmOptions.ContinueFinalMessage.Set(options, value);
        }

        /// <summary>
        /// The scheduling priority; lower values run first, on servers started with priority scheduling. Inference protocol only. <c>priority</c>
        /// </summary>
        public int? Priority
        {
            get => VllmOptions.Priority.Get(options);
            set => VllmOptions.Priority.Set(options, value);
        }

        /// <summary>The name of a loaded LoRA adapter. Inference protocol only. <c>lora_name</c></summary>
        public string? LoraName
        {
            get => VllmOptions.LoraName.Get(options);
            set => VllmOptions.LoraName.Set(options, value);
        }

        /// <summary>
        /// A salt that separates this request's prefix cache entries from those of other requests. Inference protocol only. <c>cache_salt</c>
        /// </summary>
        public string? CacheSalt
        {
            get => VllmOptions.CacheSalt.Get(options);
            set => VllmOptions.CacheSalt.Set(options, value);
        }

        /// <summary>
        /// The token ids whose log probabilities are returned with every generated token, instead of those of the most likely tokens. Inference
        /// protocol only. <c>logprob_token_ids</c>
        /// </summary>
        public IReadOnlyList<int>? LogprobTokenIds
        {
            get => VllmOptions.LogprobTokenIds.Get(options);
            set => VllmOptions.LogprobTokenIds.Set(options, value);
        }

        /// <summary>
        /// Additional gRPC metadata for this request, as names and texts, for gateways that route by it (for example
        /// <c>x-gateway-inference-objective</c>). Names are converted to lower case. <c>grpc_metadata</c>
        /// </summary>
        public IReadOnlyDictionary<string, object?>? RequestMetadata
        {
            get => VllmOptions.RequestMetadata.Get(options);
            set => VllmOptions.RequestMetadata.Set(options, value);
        }

        /// <summary>The session to which the request belongs, for routing. Inference protocol only. <c>session_id</c></summary>
        public string? SessionId
        {
            get => VllmOptions.SessionId.Get(options);
            set => VllmOptions.SessionId.Set(options, value);
        }

        /// <summary>
        /// Whether to compute the whole prompt instead of reading the prefix cache. Inference protocol only. <c>bypass_prefix_cache</c>
        /// </summary>
        public bool? BypassPrefixCache
        {
            get => VllmOptions.BypassPrefixCache.Get(options);
            set => VllmOptions.BypassPrefixCache.Set(options, value);
        }

        /// <summary>Whether the server may watermark the answer. Inference protocol only. <c>watermarking</c></summary>
        public bool? Watermarking
        {
            get => VllmOptions.Watermarking.Get(options);
            set => VllmOptions.Watermarking.Set(options, value);
        }

        /// <summary>The data-parallel rank to run on, 0 or more. <c>data_parallel_rank</c></summary>
        public int? DataParallelRank
        {
            get => VllmOptions.DataParallelRank.Get(options);
            set => VllmOptions.DataParallelRank.Set(options, value);
        }

        /// <summary>
        /// The number of tokens of the prompt to keep, from its end, 1 or more; the client truncates it. <c>truncate_prompt_tokens</c>
        /// </summary>
        public int? TruncatePromptTokens
        {
            get => VllmOptions.TruncatePromptTokens.Get(options);
            set => VllmOptions.TruncatePromptTokens.Set(options, value);
        }

        /// <summary>Parameters for the server's KV cache connector, as a JSON object that is passed unchanged. <c>kv_transfer_params</c></summary>
        public string? KvTransferParameters
        {
            get => VllmOptions.KvTransferParameters.Get(options);
            set => VllmOptions.KvTransferParameters.Set(options, value);
        }

        /// <summary>
        /// Hints for the manager of the KV cache, as a JSON object in the form of the protocol's message <c>KVHintsEnvelope</c>. Inference protocol
        /// only. <c>kv_hints</c>
        /// </summary>
        public string? KvHints
        {
            get => VllmOptions.KvHints.Get(options);
            set => VllmOptions.KvHints.Set(options, value);
        }

        /// <summary>
        /// The id with which the request is sent to the server (for logs and <c>Abort</c>); if unset, a new one is generated for each call. Must be
        /// unique among running requests. <c>request_id</c>
        /// </summary>
        public string? RequestId
        {
            get => VllmOptions.RequestId.Get(options);
            set => VllmOptions.RequestId.Set(options, value);
        }

        /// <summary>
        /// Whether to return the token ids of prompt and answer with the final update, see <see cref="VllmChatMessageExtensions"/>.
        /// <c>return_token_ids</c>
        /// </summary>
        public bool? ReturnTokenIds
        {
            get => VllmOptions.ReturnTokenIds.Get(options);
            set => VllmOptions.ReturnTokenIds.Set(options, value);
        }

        /// <summary>
        /// Whether text in messages may become control tokens (such as <c>&lt;|im_end|&gt;</c>), as in vLLM's own HTTP server. Off by default,
        /// because whoever writes the text could otherwise rewrite the conversation. <c>allow_control_tokens_in_content</c>
        /// </summary>
        public bool? AllowControlTokensInContent
        {
            get => VllmOptions.AllowControlTokens.Get(options);
            set => VllmOptions.AllowControlTokens.Set(options, value);
        }
    }

    /// <summary>
    /// Sets one of vLLM's parameters by its name in vLLM. Equivalent to the extension properties, for language versions before C# 14 and for names
    /// that are only known at run time.
    /// </summary>
    /// <param name="options">The options.</param>
    /// <param name="name">The name in vLLM, for example <c>min_p</c>; docs/options.md lists them.</param>
    /// <param name="value">A JSON-compatible value, or a list or dictionary of such values; <see langword="null"/> removes the parameter.</param>
    /// <returns>The options.</returns>
    /// <exception cref="ArgumentException">The name is unknown, or the value is not valid for it.</exception>
    public static ChatOptions SetVllmOption(this ChatOptions options, string name, object? value)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentException.ThrowIfNullOrEmpty(name);
        var option = VllmOptions.All.FirstOrDefault(option => option.HasName(name))
            ?? throw new ArgumentException($"'{name}' is not a known vLLM parameter; use one of "
                + $"{string.Join(", ", VllmOptions.All.Select(static known => known.Name))}.", nameof(name));
        if (value is null)
        {
            options.AdditionalProperties?.Remove(name);
            return options;
        }

        option.ReadValue(new PropertyReader(new AdditionalPropertiesDictionary { [name] = value }, name));
        (options.AdditionalProperties ??= [])[name] = value;
        return options;
    }
}
