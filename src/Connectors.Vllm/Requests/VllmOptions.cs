using System.Text.Json;
using System.Globalization;
using Connectors.Vllm.Grpc;

namespace Connectors.Vllm;

/// <summary>
/// The table of vLLM's parameters beyond <see cref="Microsoft.Extensions.AI.ChatOptions"/>. One row drives the extension property, the reading of raw
/// keys, the checks and docs/options.md; a new parameter is a new row (and its property, if it gets one).
/// </summary>
internal static class VllmOptions
{
    private static readonly VllmProtocol[] InferenceOnly = [VllmProtocol.Inference];

    public static readonly VllmOption<float?> MinP = new(
        "min_p", [], "MinP", "0 to 1", null,
        "Keeps only tokens at least this likely relative to the most likely one; 0 is off.")
    {
        Reader = static (properties, key) => (float?)properties.Number(key, 0, 1),
        Sampling = static (sampling, value) => sampling with { MinP = sampling.MinP ?? value },
    };

    public static readonly VllmOption<float?> RepetitionPenalty = new(
        "repetition_penalty", ["repeat_penalty"], "RepetitionPenalty", "above 0", null,
        "Above 1 discourages tokens that already occurred in prompt or answer; 1 is off.")
    {
        Reader = static (properties, key) => (float?)properties.Number(key, float.Epsilon, float.MaxValue),
        Sampling = static (sampling, value) => sampling with { RepetitionPenalty = sampling.RepetitionPenalty ?? value },
    };

    public static readonly VllmOption<int?> MinTokens = new(
        "min_tokens", [], "MinTokens", "0 or more, not above MaxOutputTokens", null,
        "No end of sequence and no stop before this many tokens.")
    {
        Reader = static (properties, key) => properties.Int32(key, 0),
        Sampling = static (sampling, value) => sampling with { MinTokens = sampling.MinTokens ?? value },
    };

    public static readonly VllmOption<bool?> IgnoreEos = new(
        "ignore_eos", [], "IgnoreEos", "true, false", null,
        "Generates past the end of sequence, until the token limit; for benchmarks.")
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
        "Log probabilities of the generated tokens: 0 for the chosen only, n for n alternatives each. OpenAI's true with top_logprobs works too.")
    {
        Reader = static (properties, key) => ReadLogprobs(properties, key),
        Request = static (request, value) => request with { Logprobs = request.Logprobs ?? value },
    };

    public static readonly VllmOption<int?> PromptLogprobs = new(
        "prompt_logprobs", [], "PromptLogprobs", "0 or more", null,
        "The same for the tokens of the prompt; turns off reading from the prefix cache for this request.")
    {
        Reader = static (properties, key) => properties.Int32(key, 0),
        Request = static (request, value) => request with { PromptLogprobs = request.PromptLogprobs ?? value },
    };

    public static readonly VllmOption<IReadOnlyDictionary<int, float>?> LogitBias = new(
        "logit_bias", ["token_selection_biases"], "LogitBias", "object of token id and number", null,
        "Added to the logits of the given token ids before sampling.")
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
        "The token ids whose log probabilities come with every generated token, instead of the best ones.")
    {
        Reader = static (properties, key) => properties.TokenIds(key),
        Writer = static ids => WriteIds(ids),
        Request = static (request, value) => request with { LogprobTokenIds = request.LogprobTokenIds ?? value },
    };

    public static readonly VllmOption<int?> ChoiceCount = new(
        "n", ["results_per_prompt"], "ChoiceCount", "1 to 1024", null,
        "How many answers to generate for one prompt; each comes as a message of its own.")
    {
        Reader = static (properties, key) => properties.Int32(key, 1, 1024),
        Sampling = static (sampling, value) => sampling with { ChoiceCount = sampling.ChoiceCount ?? (value > 1 ? value : null) },
    };

    public static readonly VllmOption<string?> Json = new(
        "json", ["guided_json"], null, "JSON schema", null,
        "A JSON schema for the answer; ResponseFormat is the usual way to give it.")
    {
        Reader = static (properties, key) => properties.Json(key),
        Constraint = static value => OutputConstraint.JsonSchema(value!),
    };

    public static readonly VllmOption<bool?> JsonObject = new(
        "json_object", ["guided_json_object"], null, "true, false", null,
        "Any JSON object as the answer; ResponseFormat is the usual way to ask for it.")
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
        "A grammar that the whole answer must match, as the server's backend reads it.")
    {
        Reader = static (properties, key) => properties.NonEmptyText(key),
        Constraint = static value => OutputConstraint.Grammar(value!),
    };

    public static readonly VllmOption<IReadOnlyList<string>?> Choice = new(
        "choice", ["guided_choice"], "OutputChoices", "list of strings", null,
        "The answer is exactly one of these texts.")
    {
        Reader = static (properties, key) => properties.TextList(key),
        Writer = static texts => texts!.ToArray(),
        Constraint = static value => OutputConstraint.Choice(value!),
    };

    public static readonly VllmOption<string?> StructuralTag = new(
        "structural_tag", [], "StructuralTag", "JSON object", null,
        "A structural tag as xgrammar defines it, passed to the server unchanged.")
    {
        Reader = static (properties, key) => properties.Json(key),
        Constraint = static value => OutputConstraint.StructuralTag(value!),
    };

    public static readonly VllmOption<bool?> BoundWhiteSpace = new(
        "bound_json_whitespace", [], "BoundJsonWhiteSpace", "true, false", null,
        "Whether JSON (an answer's, and of forced tool calls) is kept to one white space character at a place; on unless false. Without it a model "
            + "can fill its budget with line breaks.")
    {
        Reader = static (properties, key) => properties.Boolean(key),
    };

    public static readonly VllmOption<IReadOnlyDictionary<string, object?>?> StructuredOutputs = new(
        "structured_outputs", [], null, "object with one of json, json_object, regex, grammar, choice, structural_tag", null,
        "vLLM's own form of a constraint on the answer.")
    {
        Reader = static (properties, key) => properties.Members(key),
    };

    public static readonly VllmOption<string?> ChatTemplate = new(
        "chat_template", [], "ChatTemplate", "Jinja source or name", null,
        "A chat template, or the name of one of the model's own, instead of the default one.")
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
        "Continues the last message instead of opening a new assistant turn: prefills the beginning of an answer.")
    {
        Reader = static (properties, key) => properties.Boolean(key),
    };

    public static readonly VllmOption<IReadOnlyList<object?>?> Documents = new(
        "documents", [], null, "list of objects", null,
        "Documents for templates that take them.")
    {
        Reader = static (properties, key) => properties.Items(key),
    };

    public static readonly VllmOption<string?> ReasoningEffort = new(
        "reasoning_effort", [], null, "string", null,
        "The template's own word for the effort, where ReasoningOptions.Effort is not enough.")
    {
        Reader = static (properties, key) => properties.NonEmptyText(key),
    };

    public static readonly VllmOption<int?> Priority = new(
        "priority", [], "Priority", "whole number", InferenceOnly,
        "Scheduling priority, lower is earlier; for servers with priority scheduling.")
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
        "Separates this request's prefix cache entries from those of others.")
    {
        Reader = static (properties, key) => properties.NonEmptyText(key),
        Request = static (request, value) => request with { CacheSalt = request.CacheSalt ?? value },
    };

    public static readonly VllmOption<string?> SessionId = new(
        "session_id", [], "SessionId", "string", InferenceOnly,
        "The session the request belongs to, for servers and gateways that route by it.")
    {
        Reader = static (properties, key) => properties.NonEmptyText(key),
        Request = static (request, value) => request with { SessionId = request.SessionId ?? value },
    };

    public static readonly VllmOption<bool?> BypassPrefixCache = new(
        "bypass_prefix_cache", [], "BypassPrefixCache", "true, false", InferenceOnly,
        "Computes the whole prompt instead of reading the prefix cache.")
    {
        Reader = static (properties, key) => properties.Boolean(key),
        Request = static (request, value) => request with { BypassPrefixCache = request.BypassPrefixCache || value == true },
    };

    public static readonly VllmOption<bool?> Watermarking = new(
        "watermarking", [], "Watermarking", "true, false", InferenceOnly,
        "Whether the server may watermark the answer, where it does; its default is true.")
    {
        Reader = static (properties, key) => properties.Boolean(key),
        Request = static (request, value) => request with { Watermarking = request.Watermarking ?? value },
    };

    public static readonly VllmOption<int?> DataParallelRank = new(
        "data_parallel_rank", [], "DataParallelRank", "0 or more", null,
        "The data-parallel engine to run on.")
    {
        Reader = static (properties, key) => properties.Int32(key, 0),
        Request = static (request, value) => request with { DataParallelRank = request.DataParallelRank ?? value },
    };

    public static readonly VllmOption<int?> TruncatePromptTokens = new(
        "truncate_prompt_tokens", [], "TruncatePromptTokens", "1 or more", null,
        "Keeps only this many tokens of the prompt's end; the cut is made on the client.")
    {
        Reader = static (properties, key) => properties.Int32(key, 1),
        Sampling = static (sampling, value) => sampling with { TruncatePromptTokens = sampling.TruncatePromptTokens ?? value },
    };

    public static readonly VllmOption<string?> KvTransferParameters = new(
        "kv_transfer_params", [], "KvTransferParameters", "JSON object", null,
        "Parameters for the server's key-value cache connector, passed unchanged.")
    {
        Reader = static (properties, key) => properties.Json(key),
        Request = static (request, value) => request with { KvTransferParamsJson = request.KvTransferParamsJson ?? value },
    };

    public static readonly VllmOption<IReadOnlyDictionary<string, object?>?> RequestMetadata = new(
        "grpc_metadata", [], "RequestMetadata", "object of texts", null,
        "Extra gRPC metadata of this request, for gateways that route by it; names are lower-cased.")
    {
        Reader = static (properties, key) => properties.Members(key),
        Request = static (request, value) => request with { Metadata = request.Metadata ?? Texts(value!) },
    };

    public static readonly VllmOption<string?> RequestId = new(
        "request_id", [], "RequestId", "string", null,
        "The request id the server gets, unique among running requests; generated when unset.")
    {
        Reader = static (properties, key) => properties.NonEmptyText(key),
        Request = static (request, value) => request with { RequestId = value },
    };

    public static readonly VllmOption<bool?> ReturnTokenIds = new(
        "return_token_ids", [], "ReturnTokenIds", "true, false", null,
        "Adds the token ids of prompt and answer to the final update.")
    {
        Reader = static (properties, key) => properties.Boolean(key),
    };

    public static readonly VllmOption<bool?> AllowControlTokens = new(
        "allow_control_tokens_in_content", [], "AllowControlTokensInContent", "true, false", null,
        "Lets text in messages become control tokens; whoever writes the text can then rewrite the conversation.")
    {
        Reader = static (properties, key) => properties.Boolean(key),
    };

    public static readonly VllmOption<string?> ToolCallParser = new(
        "tool_call_parser", [], null, "parser name, none", null,
        "The tool call format of this request, by vLLM's parser name.")
    {
        Reader = static (properties, key) => properties.NonEmptyText(key),
    };

    public static readonly VllmOption<string?> ReasoningParser = new(
        "reasoning_parser", [], null, "parser name, none", null,
        "The reasoning format of this request, by vLLM's parser name.")
    {
        Reader = static (properties, key) => properties.NonEmptyText(key),
    };

    /// <summary>Every row, in the order of the documentation.</summary>
    public static readonly IReadOnlyList<VllmOption> All =
    [
        MinP, RepetitionPenalty, MinTokens, IgnoreEos, StopTokenIds, Logprobs, PromptLogprobs, LogitBias, AllowedTokenIds,
            LogprobTokenIds,
        ChoiceCount, Json, JsonObject, Regex, Grammar, Choice, StructuralTag, BoundWhiteSpace, StructuredOutputs, ChatTemplate, ChatTemplateArguments,
        ContinueFinalMessage, Documents, ReasoningEffort, Priority, LoraName, CacheSalt, SessionId, BypassPrefixCache, Watermarking,
        DataParallelRank, TruncatePromptTokens,
        KvTransferParameters, RequestMetadata, RequestId, ReturnTokenIds, AllowControlTokens, ToolCallParser, ReasoningParser,
    ];

    private static readonly HashSet<string> Known = new(All.SelectMany(static option => option.Aliases.Prepend(option.Name)), StringComparer.Ordinal);

    /// <summary>Whether a key of <c>AdditionalProperties</c> is one of these.</summary>
    public static bool IsKnown(string key) => Known.Contains(key) || ChatOptionNames.IsKnown(key);

    /// <summary>vLLM's <c>logprobs: 3</c> as well as OpenAI's <c>logprobs: true, top_logprobs: 3</c>.</summary>
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
