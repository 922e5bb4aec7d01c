using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>
/// What vLLM offers beyond <see cref="ChatOptions"/>, as typed properties: <c>new ChatOptions { Temperature = 0.7f, MinP = 0.05f }</c>.
/// </summary>
/// <remarks>
/// Every value lives in <see cref="ChatOptions.AdditionalProperties"/> under vLLM's own snake_case name and in a JSON-friendly form, so it
/// survives cloning, caching and serialization, and other providers ignore it. Setting <see langword="null"/> removes the key.
/// Setters check the value and throw <see cref="ArgumentException"/> (<see cref="ArgumentOutOfRangeException"/> for a number out of range). Not
/// safe for concurrent writes, as <see cref="ChatOptions"/> itself.
/// </remarks>
public static class VllmChatOptionsExtensions
{
    extension(ChatOptions options)
    {
        /// <summary>Keeps only tokens at least this likely relative to the most likely one. From 0 (off) to 1. <c>min_p</c></summary>
        public float? MinP
        {
            get => VllmOptions.MinP.Get(options);
            set => VllmOptions.MinP.Set(options, value);
        }

        /// <summary>
        /// Greater than 1 discourages tokens that already occurred in prompt or answer; 1 is off. Above 0. <c>repetition_penalty</c>
        /// </summary>
        public float? RepetitionPenalty
        {
            get => VllmOptions.RepetitionPenalty.Get(options);
            set => VllmOptions.RepetitionPenalty.Set(options, value);
        }

        /// <summary>
        /// No end of sequence and no stop before this many tokens. 0 or more, not above <see cref="ChatOptions.MaxOutputTokens"/>.
        /// <c>min_tokens</c>
        /// </summary>
        public int? MinTokens
        {
            get => VllmOptions.MinTokens.Get(options);
            set => VllmOptions.MinTokens.Set(options, value);
        }

        /// <summary>Goes on generating after the end of sequence, until the token limit. For benchmarks. <c>ignore_eos</c></summary>
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
        /// Asks for log probabilities of the generated tokens: 0 for the chosen tokens only, n for n alternatives each (the server's default
        /// limit is 20). They arrive on the final update, see <see cref="VllmChatMessageExtensions"/>. <c>logprobs</c>
        /// </summary>
        public int? Logprobs
        {
            get => VllmOptions.Logprobs.Get(options);
            set => VllmOptions.Logprobs.Set(options, value);
        }

        /// <summary>
        /// The same for the tokens of the prompt. Turns off reading from the server's prefix cache for this request. <c>prompt_logprobs</c>
        /// </summary>
        public int? PromptLogprobs
        {
            get => VllmOptions.PromptLogprobs.Get(options);
            set => VllmOptions.PromptLogprobs.Set(options, value);
        }

        /// <summary>Added to the logits of the given token ids before sampling. <c>logit_bias</c></summary>
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

        /// <summary>How many answers to generate for one prompt, 1 or more. Each comes as a message of its own. <c>n</c></summary>
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

        /// <summary>A grammar (EBNF or Lark, as the server's backend reads it) that the whole answer must match. <c>grammar</c></summary>
        public string? OutputGrammar
        {
            get => VllmOptions.Grammar.Get(options);
            set => VllmOptions.Grammar.Set(options, value);
        }

        /// <summary>The answer must be exactly one of these texts. <c>choice</c></summary>
        public IReadOnlyList<string>? OutputChoices
        {
            get => VllmOptions.Choice.Get(options);
            set => VllmOptions.Choice.Set(options, value);
        }

        /// <summary>A structural tag (JSON, as xgrammar defines it), passed to the server unchanged. <c>structural_tag</c></summary>
        public string? StructuralTag
        {
            get => VllmOptions.StructuralTag.Get(options);
            set => VllmOptions.StructuralTag.Set(options, value);
        }

        /// <summary>
        /// Whether JSON (of a response format, and in forced tool calls) is kept to one white space character at a place, which is the default.
        /// Without that bound a small model can fill its whole budget with line breaks. <c>bound_json_whitespace</c>
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
        /// Extra variables for the chat template, such as <c>enable_thinking</c>. Values as JSON knows them. <c>chat_template_kwargs</c>
        /// </summary>
        public IReadOnlyDictionary<string, object?>? ChatTemplateArguments
        {
            get => VllmOptions.ChatTemplateArguments.Get(options);
            set => VllmOptions.ChatTemplateArguments.Set(options, value);
        }

        /// <summary>
        /// Continues the last message instead of opening a new assistant turn: the way to prefill the beginning of an answer.
        /// <c>continue_final_message</c>
        /// </summary>
        public bool? ContinueFinalMessage
        {
            get => VllmOptions.ContinueFinalMessage.Get(options);
            set => VllmOptions.ContinueFinalMessage.Set(options, value);
        }

        /// <summary>
        /// Scheduling priority, lower is earlier; only for servers started with priority scheduling. Inference protocol only. <c>priority</c>
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

        /// <summary>Separates this request's prefix cache entries from those of others. Inference protocol only. <c>cache_salt</c></summary>
        public string? CacheSalt
        {
            get => VllmOptions.CacheSalt.Get(options);
            set => VllmOptions.CacheSalt.Set(options, value);
        }

        /// <summary>
        /// The token ids whose log probabilities come with every generated token, instead of the best ones. Inference protocol only.
        /// <c>logprob_token_ids</c>
        /// </summary>
        public IReadOnlyList<int>? LogprobTokenIds
        {
            get => VllmOptions.LogprobTokenIds.Get(options);
            set => VllmOptions.LogprobTokenIds.Set(options, value);
        }

        /// <summary>
        /// Extra gRPC metadata of this request, names and texts, for gateways that route by it (<c>x-gateway-inference-objective</c>, for example).
        /// Names are lower-cased. <c>grpc_metadata</c>
        /// </summary>
        public IReadOnlyDictionary<string, object?>? RequestMetadata
        {
            get => VllmOptions.RequestMetadata.Get(options);
            set => VllmOptions.RequestMetadata.Set(options, value);
        }

        /// <summary>The session the request belongs to, for routing by it. Inference protocol only. <c>session_id</c></summary>
        public string? SessionId
        {
            get => VllmOptions.SessionId.Get(options);
            set => VllmOptions.SessionId.Set(options, value);
        }

        /// <summary>Computes the whole prompt instead of reading the prefix cache. Inference protocol only. <c>bypass_prefix_cache</c></summary>
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

        /// <summary>The data-parallel engine to run on, 0 or more. <c>data_parallel_rank</c></summary>
        public int? DataParallelRank
        {
            get => VllmOptions.DataParallelRank.Get(options);
            set => VllmOptions.DataParallelRank.Set(options, value);
        }

        /// <summary>
        /// Keeps only this many tokens of the prompt's end; the cut is made on the client. 1 or more. <c>truncate_prompt_tokens</c>
        /// </summary>
        public int? TruncatePromptTokens
        {
            get => VllmOptions.TruncatePromptTokens.Get(options);
            set => VllmOptions.TruncatePromptTokens.Set(options, value);
        }

        /// <summary>Parameters for the server's key-value cache connector: a JSON object, passed unchanged. <c>kv_transfer_params</c></summary>
        public string? KvTransferParameters
        {
            get => VllmOptions.KvTransferParameters.Get(options);
            set => VllmOptions.KvTransferParameters.Set(options, value);
        }

        /// <summary>
        /// The request id the server gets (for logs and <c>Abort</c>); a new one is made for each call when unset. Must be unique among running
        /// requests. <c>request_id</c>
        /// </summary>
        public string? RequestId
        {
            get => VllmOptions.RequestId.Get(options);
            set => VllmOptions.RequestId.Set(options, value);
        }

        /// <summary>
        /// Adds the prompt's and the answer's token ids to the final update, see <see cref="VllmChatMessageExtensions"/>. <c>return_token_ids</c>
        /// </summary>
        public bool? ReturnTokenIds
        {
            get => VllmOptions.ReturnTokenIds.Get(options);
            set => VllmOptions.ReturnTokenIds.Set(options, value);
        }

        /// <summary>
        /// Lets text in messages become control tokens (<c>&lt;|im_end|&gt;</c> and the like), as vLLM's own HTTP server does. Off by default:
        /// whoever writes the text could otherwise rewrite the conversation. <c>allow_control_tokens_in_content</c>
        /// </summary>
        public bool? AllowControlTokensInContent
        {
            get => VllmOptions.AllowControlTokens.Get(options);
            set => VllmOptions.AllowControlTokens.Set(options, value);
        }
    }

    /// <summary>
    /// Sets one of vLLM's parameters by vLLM's own name: what the extension properties do, for language versions before C# 14 and for names that are
    /// only known at run time.
    /// </summary>
    /// <param name="options">The options.</param>
    /// <param name="name">vLLM's name, e.g. <c>min_p</c>; docs/options.md lists them.</param>
    /// <param name="value">A value that JSON knows, or a list or dictionary of such; <see langword="null"/> removes the parameter.</param>
    /// <returns>The options.</returns>
    /// <exception cref="ArgumentException">The name is unknown, or the value makes no sense for it.</exception>
    public static ChatOptions SetVllmOption(this ChatOptions options, string name, object? value)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentException.ThrowIfNullOrEmpty(name);
        var option = VllmOptions.All.FirstOrDefault(option => option.Answers(name))
            ?? throw new ArgumentException($"'{name}' is not a parameter of vLLM's that this client knows; use one of "
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
