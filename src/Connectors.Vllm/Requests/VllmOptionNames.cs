namespace Connectors.Vllm;

/// <summary>
/// The keys of vLLM's extras in <c>AdditionalProperties</c>: vLLM's own snake_case names, which is also what Semantic Kernel's
/// execution settings turn into.
/// </summary>
internal static class VllmOptionNames
{
    public const string MinP = "min_p";
    public const string RepetitionPenalty = "repetition_penalty";
    public const string MinTokens = "min_tokens";
    public const string IgnoreEos = "ignore_eos";
    public const string StopTokenIds = "stop_token_ids";
    public const string LogProbs = "logprobs";
    public const string TopLogProbs = "top_logprobs";
    public const string PromptLogProbs = "prompt_logprobs";
    public const string LogitBias = "logit_bias";
    public const string AllowedTokenIds = "allowed_token_ids";
    public const string ChoiceCount = "n";
    public const string Regex = "regex";
    public const string GuidedRegex = "guided_regex";
    public const string Grammar = "grammar";
    public const string GuidedGrammar = "guided_grammar";
    public const string Choice = "choice";
    public const string GuidedChoice = "guided_choice";
    public const string StructuralTag = "structural_tag";
    public const string ChatTemplate = "chat_template";
    public const string ChatTemplateArguments = "chat_template_kwargs";
    public const string ContinueFinalMessage = "continue_final_message";
    public const string Documents = "documents";
    public const string ReasoningEffort = "reasoning_effort";
    public const string Priority = "priority";
    public const string LoraName = "lora_name";
    public const string CacheSalt = "cache_salt";
    public const string DataParallelRank = "data_parallel_rank";
    public const string TruncatePromptTokens = "truncate_prompt_tokens";
    public const string KvTransferParameters = "kv_transfer_params";
    public const string RequestId = "request_id";
    public const string EchoPromptTokenIds = "return_token_ids";
    public const string AllowControlTokens = "allow_control_tokens_in_content";
    public const string ToolParser = "tool_call_parser";
    public const string ReasoningParser = "reasoning_parser";

    /// <summary>Where the final update of an answer carries the log probabilities.</summary>
    public const string ResponseLogProbs = "logprobs";

    /// <summary>Where the final update of an answer carries the log probabilities of the prompt.</summary>
    public const string ResponsePromptLogProbs = "prompt_logprobs";

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

    /// <summary>Where a tool call keeps the argument text exactly as the model wrote it, so that re-sent histories keep their prompt prefix.</summary>
    public const string RawArguments = "vllm.raw_arguments";
}
