using System.Text.Json;
using System.Globalization;
using Connectors.Vllm.Grpc;

namespace Connectors.Vllm;

/// <summary>
/// The table of vLLM's parameters beyond <see cref="Microsoft.Extensions.AI.ChatOptions"/>. Each entry defines the extension property, the keys, the
/// validation and the row in docs/options.md; a new parameter needs only a new entry (and a property, if it gets one).
/// </summary>
internal static class VllmOptions
{
    private static readonly VllmProtocol[] InferenceOnly = [VllmProtocol.Inference];

    public static readonly VllmOption<float?> MinP = new(
        "min_p", [], "MinP", "0 to 1", null,
        "The minimum probability of a token relative to the most likely one; 0 is off.")
    {
        Reader = static (properties, key) => (float?)properties.Number(key, 0, 1),
        Sampling = static (sampling, value) => sampling with { MinP = sampling.MinP ?? value },
    };

    public static readonly VllmOption<float?> RepetitionPenalty = new(
        "repetition_penalty", ["repeat_penalty"], "RepetitionPenalty", "above 0", null,
        "The penalty for tokens that already occurred in prompt or answer; 1 is off, greater values discourage them.")
    {
        Reader = static (properties, key) => (float?)properties.Number(key, float.Epsilon, float.MaxValue),
        Sampling = static (sampling, value) => sampling with { RepetitionPenalty = sampling.RepetitionPenalty ?? value },
    };

    public static readonly VllmOption<int?> MinTokens = new(
        "min_tokens", [], "MinTokens", "0 or more, not above MaxOutputTokens", null,
        "The minimum number of tokens to generate before the answer may end.")
    {
        Reader = static (properties, key) => properties.Int32(key, 0),
        Sampling = static (sampling, value) => sampling with { MinTokens = sampling.MinTokens ?? value },
    };

    public static readonly VllmOption<bool?> IgnoreEos = new(
        "ignore_eos", [], "IgnoreEos", "true, false", null,
        "Whether to continue past the end-of-sequence token, up to the token limit; for benchmarks.")
    {
        Reader = static (properties, key) => properties.Boolean(key),
        Sampling = static (sampling, value) => sampling with { IgnoreEos = sampling.IgnoreEos ?? (value == true ? true : null) },
    };

    public static readonly VllmOption<IReadOnlyList<int>?> StopTokenIds = new(
        "stop_token_ids", [], "StopTokenIds", "list of token ids", null,
        "Token ids that end the answer, in addition to the model's own.")
    {
        Reader = static (properties, key) => properties.TokenIds(key),
        Writer = static ids => WriteIds(ids),
        Request = static (request, value) => request with { StopTokenIds = [.. request.StopTokenIds, .. value!] },
    };

    public static readonly VllmOption<int?> Logprobs = new(
        "logprobs", ["top_logprobs"], "Logprobs", "0 or more", null,
        "The log probabilities to return: 0 for the chosen tokens only, n for n alternatives each. OpenAI's true with top_logprobs also works.")
    {
        Reader = static (properties, key) => ReadLogprobs(properties, key),
        Request = static (request, value) => request with { Logprobs = request.Logprobs ?? value },
    };

    public static readonly VllmOption<int?> PromptLogprobs = new(
        "prompt_logprobs", [], "PromptLogprobs", "0 or more", null,
        "The log probabilities to return for the tokens of the prompt; disables reading from the prefix cache for this request.")
    {
        Reader = static (properties, key) => properties.Int32(key, 0),
        Request = static (request, value) => request with { PromptLogprobs = request.PromptLogprobs ?? value },
    };

    public static readonly VllmOption<IReadOnlyDictionary<int, float>?> LogitBias = new(
        "logit_bias", ["token_selection_biases"], "LogitBias", "object of token id and number", null,
        "The values to add to the logits of the given token ids before sampling.")
    {
        Reader = static (properties, key) => properties.TokenWeights(key),
        Writer = static weights => WriteBias(weights),
        Sampling = static (sampling, value) => sampling with { LogitBias = sampling.LogitBias ?? value },
    };

    public static readonly VllmOption<IReadOnlyList<int>?> AllowedTokenIds = new(
        "allowed_token_ids", [], "AllowedTokenIds", "list of token ids", InferenceOnly,
        "The only token ids that may be generated.")
    {
        Reader = static (properties, key) => properties.TokenIds(key),
        Writer = static ids => WriteIds(ids),
        Sampling = static (sampling, value) => sampling with { AllowedTokenIds = sampling.AllowedTokenIds ?? value },
    };

    public static readonly VllmOption<IReadOnlyList<int>?> LogprobTokenIds = new(
        "logprob_token_ids", [], "LogprobTokenIds", "list of token ids", InferenceOnly,
        "The token ids whose log probabilities are returned with every generated token, instead of those of the most likely tokens.")
    {
        Reader = static (properties, key) => properties.TokenIds(key),
        Writer = static ids => WriteIds(ids),
        Request = static (request, value) => request with { LogprobTokenIds = request.LogprobTokenIds ?? value },
    };

    public static readonly VllmOption<int?> ChoiceCount = new(
        "n", ["results_per_prompt"], "ChoiceCount", "1 to 1024", null,
        "The number of answers to generate for one prompt; each is returned as a separate message.")
    {
        Reader = static (properties, key) => properties.Int32(key, 1, 1024),
        Sampling = static (sampling, value) => sampling with { ChoiceCount = sampling.ChoiceCount ?? (value > 1 ? value : null) },
    };

    public static readonly VllmOption<string?> Json = new(
        "json", ["guided_json"], null, "JSON schema", null,
        "A JSON schema for the answer; usually set through ResponseFormat.")
    {
        Reader = static (properties, key) => properties.Json(key),
        Constraint = static value => OutputConstraint.JsonSchema(value!),
    };

    public static readonly VllmOption<bool?> JsonObject = new(
        "json_object", ["guided_json_object"], null, "true, false", null,
        "Whether the answer must be a JSON object; usually set through ResponseFormat.")
    {
        Reader = static (properties, key) => properties.Boolean(key),
        Constraint = static value => value == true ? OutputConstraint.JsonObject() : null,
    };

    public static readonly VllmOption<string?> Regex = new(
        "regex", ["guided_regex"], "OutputRegex", "regular expression", null,
        "A regular expression that the whole answer must match.")
    {
        Reader = static (properties, key) => properties.NonEmptyText(key),
        Constraint = static value => OutputConstraint.Regex(value!),
    };

    public static readonly VllmOption<string?> Grammar = new(
        "grammar", ["guided_grammar"], "OutputGrammar", "EBNF or Lark", null,
        "A grammar that the whole answer must match, in the syntax of the server's backend.")
    {
        Reader = static (properties, key) => properties.NonEmptyText(key),
        Constraint = static value => OutputConstraint.Grammar(value!),
    };

    public static readonly VllmOption<IReadOnlyList<string>?> Choice = new(
        "choice", ["guided_choice"], "OutputChoices", "list of strings", null,
        "The texts of which the answer must be exactly one.")
    {
        Reader = static (properties, key) => properties.TextList(key),
        Writer = static texts => texts!.ToArray(),
        Constraint = static value => OutputConstraint.Choice(value!),
    };

    public static readonly VllmOption<string?> StructuralTag = new(
        "structural_tag", [], "StructuralTag", "JSON object", null,
        "A structural tag as defined by xgrammar, passed to the server unchanged.")
    {
        Reader = static (properties, key) => properties.Json(key),
        Constraint = static value => OutputConstraint.StructuralTag(value!),
    };

    public static readonly VllmOption<bool?> BoundWhiteSpace = new(
        "bound_json_whitespace", [], "BoundJsonWhiteSpace", "true, false", null,
        "Whether JSON (of an answer, and of forced tool calls) is limited to one white space character between tokens; true by default. Without it, "
            + "a model can spend its token budget on line breaks.")
    {
        Reader = static (properties, key) => properties.Boolean(key),
    };

    public static readonly VllmOption<IReadOnlyDictionary<string, object?>?> StructuredOutputs = new(
        "structured_outputs", [], null, "object with one of json, json_object, regex, grammar, choice, structural_tag", null,
        "A constraint on the answer in vLLM's own form.")
    {
        Reader = static (properties, key) => properties.Members(key),
    };

    public static readonly VllmOption<string?> ChatTemplate = new(
        "chat_template", [], "ChatTemplate", "Jinja source or name", null,
        "A chat template, or the name of one of the model's own, to use instead of the default one.")
    {
        Reader = static (properties, key) => properties.NonEmptyText(key),
    };

    public static readonly VllmOption<IReadOnlyDictionary<string, object?>?> ChatTemplateArguments = new(
        "chat_template_kwargs", [], "ChatTemplateArguments", "object", null,
        "Variables for the chat template, such as enable_thinking.")
    {
        Reader = static (properties, key) => properties.Members(key),
        Writer = static members => PlainJson.ToElement(writer => PlainJson.WriteValue(writer, PlainValue.From(members))),
    };

    public static readonly VllmOption<bool?> ContinueFinalMessage = new(
        "continue_final_message", [], "ContinueFinalMessage", "true, false", null,
        "Whether to continue the last message instead of starting a new assistant turn, to prefill the beginning of an answer.")
    {
        Reader = static (properties, key) => properties.Boolean(key),
    };

    public static readonly VllmOption<IReadOnlyList<object?>?> Documents = new(
        "documents", [], null, "list of objects", null,
        "Documents for templates that support them.")
    {
        Reader = static (properties, key) => properties.Items(key),
    };

    public static readonly VllmOption<string?> ReasoningEffort = new(
        "reasoning_effort", [], null, "string", null,
        "The reasoning effort in the template's own terms, if ReasoningOptions.Effort is not sufficient.")
    {
        Reader = static (properties, key) => properties.NonEmptyText(key),
    };

    public static readonly VllmOption<int?> Priority = new(
        "priority", [], "Priority", "whole number", InferenceOnly,
        "The scheduling priority; lower values run first, on servers with priority scheduling.")
    {
        Reader = static (properties, key) => properties.Int32(key, int.MinValue),
        Request = static (request, value) => request with { Priority = request.Priority ?? value },
    };

    public static readonly VllmOption<string?> LoraName = new(
        "lora_name", [], "LoraName", "string", InferenceOnly,
        "The name of a loaded LoRA adapter.")
    {
        Reader = static (properties, key) => properties.NonEmptyText(key),
        Request = static (request, value) => request with { LoraName = request.LoraName ?? value },
    };

    public static readonly VllmOption<string?> CacheSalt = new(
        "cache_salt", [], "CacheSalt", "string", InferenceOnly,
        "A salt that separates this request's prefix cache entries from those of other requests.")
    {
        Reader = static (properties, key) => properties.NonEmptyText(key),
        Request = static (request, value) => request with { CacheSalt = request.CacheSalt ?? value },
    };

    public static readonly VllmOption<string?> SessionId = new(
        "session_id", [], "SessionId", "string", InferenceOnly,
        "The session to which the request belongs, for servers and gateways that route by it.")
    {
        Reader = static (properties, key) => properties.NonEmptyText(key),
        Request = static (request, value) => request with { SessionId = request.SessionId ?? value },
    };

    public static readonly VllmOption<bool?> BypassPrefixCache = new(
        "bypass_prefix_cache", [], "BypassPrefixCache", "true, false", InferenceOnly,
        "Whether to compute the whole prompt instead of reading the prefix cache.")
    {
        Reader = static (properties, key) => properties.Boolean(key),
        Request = static (request, value) => request with { BypassPrefixCache = request.BypassPrefixCache || value == true },
    };

    public static readonly VllmOption<bool?> Watermarking = new(
        "watermarking", [], "Watermarking", "true, false", InferenceOnly,
        "Whether the server may watermark the answer, if it supports that; the server's default is true.")
    {
        Reader = static (properties, key) => properties.Boolean(key),
        Request = static (request, value) => request with { Watermarking = request.Watermarking ?? value },
    };

    public static readonly VllmOption<int?> DataParallelRank = new(
        "data_parallel_rank", [], "DataParallelRank", "0 or more", null,
        "The data-parallel rank to run on.")
    {
        Reader = static (properties, key) => properties.Int32(key, 0),
        Request = static (request, value) => request with { DataParallelRank = request.DataParallelRank ?? value },
    };

    public static readonly VllmOption<int?> TruncatePromptTokens = new(
        "truncate_prompt_tokens", [], "TruncatePromptTokens", "1 or more", null,
        "The number of tokens of the prompt to keep, from its end; the client truncates it.")
    {
        Reader = static (properties, key) => properties.Int32(key, 1),
        Sampling = static (sampling, value) => sampling with { TruncatePromptTokens = sampling.TruncatePromptTokens ?? value },
    };

    public static readonly VllmOption<string?> KvTransferParameters = new(
        "kv_transfer_params", [], "KvTransferParameters", "JSON object", null,
        "Parameters for the server's KV cache connector, passed unchanged.")
    {
        Reader = static (properties, key) => properties.Json(key),
        Request = static (request, value) => request with { KvTransferParamsJson = request.KvTransferParamsJson ?? value },
    };

    public static readonly VllmOption<string?> KvHints = new(
        "kv_hints", [], "KvHints", "JSON object", InferenceOnly,
        "Hints for the manager of the KV cache, in the form of the protocol's message KVHintsEnvelope.")
    {
        Reader = static (properties, key) => properties.Json(key),
        Request = static (request, value) => request with { KvHints = request.KvHints ?? value },
    };

    public static readonly VllmOption<IReadOnlyDictionary<string, object?>?> RequestMetadata = new(
        "grpc_metadata", [], "RequestMetadata", "object of texts", null,
        "Additional gRPC metadata for this request, for gateways that route by it; names are converted to lower case.")
    {
        Reader = static (properties, key) => properties.Members(key),
        Request = static (request, value) => request with { Metadata = request.Metadata ?? Texts(value!) },
    };

    public static readonly VllmOption<string?> RequestId = new(
        "request_id", [], "RequestId", "string", null,
        "The id with which the request is sent, unique among running requests; generated if unset.")
    {
        Reader = static (properties, key) => properties.NonEmptyText(key),
        Request = static (request, value) => request with { RequestId = value },
    };

    public static readonly VllmOption<bool?> ReturnTokenIds = new(
        "return_token_ids", [], "ReturnTokenIds", "true, false", null,
        "Whether to return the token ids of prompt and answer with the final update.")
    {
        Reader = static (properties, key) => properties.Boolean(key),
    };

    public static readonly VllmOption<bool?> AllowControlTokens = new(
        "allow_control_tokens_in_content", [], "AllowControlTokensInContent", "true, false", null,
        "Whether text in messages may become control tokens; whoever writes the text can then rewrite the conversation.")
    {
        Reader = static (properties, key) => properties.Boolean(key),
    };

    public static readonly VllmOption<string?> ToolCallParser = new(
        "tool_call_parser", [], null, "parser name, none", null,
        "The tool-call format of this request, by the name of vLLM's parser.")
    {
        Reader = static (properties, key) => properties.NonEmptyText(key),
    };

    public static readonly VllmOption<string?> ReasoningParser = new(
        "reasoning_parser", [], null, "parser name, none", null,
        "The reasoning format of this request, by the name of vLLM's parser.")
    {
        Reader = static (properties, key) => properties.NonEmptyText(key),
    };

    /// <summary>All parameters, in the order of the documentation.</summary>
    public static readonly IReadOnlyList<VllmOption> All =
    [
        MinP, RepetitionPenalty, MinTokens, IgnoreEos, StopTokenIds, Logprobs, PromptLogprobs, LogitBias, AllowedTokenIds,
            LogprobTokenIds,
        ChoiceCount, Json, JsonObject, Regex, Grammar, Choice, StructuralTag, BoundWhiteSpace, StructuredOutputs, ChatTemplate, ChatTemplateArguments,
        ContinueFinalMessage, Documents, ReasoningEffort, Priority, LoraName, CacheSalt, SessionId, BypassPrefixCache, Watermarking,
        DataParallelRank, TruncatePromptTokens,
        KvTransferParameters, KvHints, RequestMetadata, RequestId, ReturnTokenIds, AllowControlTokens, ToolCallParser, ReasoningParser,
    ];

    private static readonly HashSet<string> Known = new(All.SelectMany(static option => option.Aliases.Prepend(option.Name)), StringComparer.Ordinal);

    /// <summary>Whether a key of <c>AdditionalProperties</c> is a known parameter.</summary>
    public static bool IsKnown(string key) => Known.Contains(key) || ChatOptionNames.IsKnown(key);

    /// <summary>Reads vLLM's <c>logprobs: 3</c> as well as OpenAI's <c>logprobs: true, top_logprobs: 3</c>.</summary>
    private static int? ReadLogprobs(PropertyReader properties, string key)
    {
        var alternatives = properties.Int32("top_logprobs", 0);
        return properties.TryBoolean(key) is bool wanted ? wanted ? alternatives ?? 0 : null
            : properties.Int32(key, 0) is > 0 and var number ? number
            : alternatives ?? properties.Int32(key, 0);
    }

    private static Dictionary<string, string> Texts(IReadOnlyDictionary<string, object?> members) => members.ToDictionary(
        static pair => pair.Key.ToLowerInvariant(), static pair => Convert.ToString(pair.Value, CultureInfo.InvariantCulture) ?? string.Empty);

    private static JsonElement WriteIds(IReadOnlyList<int>? ids) => PlainJson.ToElement(writer =>
    {
        writer.WriteStartArray();
        foreach (var id in ids!)
        {
            writer.WriteNumberValue(id);
        }

        writer.WriteEndArray();
    });

    private static JsonElement WriteBias(IReadOnlyDictionary<int, float>? weights) => PlainJson.ToElement(writer =>
    {
        writer.WriteStartObject();
        foreach (var (id, weight) in weights!)
        {
            writer.WriteNumber(id.ToString(CultureInfo.InvariantCulture), weight);
        }

        writer.WriteEndObject();
    });
}
