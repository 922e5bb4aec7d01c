using System.Globalization;
using System.Text.Json;
using Connectors.Vllm.Grpc.Protocol.Inference;
using Google.Protobuf;
using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Validates a request before it is sent. Servers check most of this as well, after a round trip and with messages of their own, but not all: an id
/// outside the vocabulary kills the engine of an Inference server.
/// </summary>
internal static class RequestValidator
{
    /// <summary>No model has a smaller vocabulary, because it contains all bytes.</summary>
    private const int MinVocabulary = 256;

    /// <summary>
    /// No model has a larger vocabulary (the largest today have 262,208 tokens). Bounds ids if the size of the vocabulary is unknown.
    /// </summary>
    private const int MaxVocabulary = 524_288;

    public static void Check(GenerationRequest request, SamplingOptions sampling, VllmModelInfo model, VllmCapabilities capabilities)
    {
        if (request.PromptText is { Length: 0 })
        {
            throw Bad("The prompt is empty.", nameof(GenerationRequest.PromptText));
        }

        if (request.PromptText is not null && !request.PromptIds.IsEmpty)
        {
            throw Bad("Pass the prompt either as token ids or as text, not both.", nameof(GenerationRequest.PromptText));
        }

        if (request.PromptText is null)
        {
            CheckPrompt(request.PromptIds.Span, model.VocabularySize, request.Media.Count > 0 ? null : model.ContextLength, outputTokens: 1);
        }

        if (!capabilities.Generation)
        {
            throw Unsupported(
                capabilities.Embeddings
                    ? "The served model is an embedding model and cannot generate."
                    : "The server does not generate at this address: it serves other services than vllm.Inference here. Use another of its "
                        + "addresses.",
                null);
        }

        CheckSampling(sampling, capabilities);
        CheckIds(request, sampling, model.VocabularySize);
        foreach (var stop in request.StopStrings)
        {
            if (string.IsNullOrEmpty(stop))
            {
                throw Bad("A stop string is empty.", nameof(GenerationRequest.StopStrings));
            }
        }

        CheckLogprobs(request.Logprobs, model.VocabularySize ?? request.VocabularySize, nameof(GenerationRequest.Logprobs));
        CheckLogprobs(request.PromptLogprobs, model.VocabularySize ?? request.VocabularySize, nameof(GenerationRequest.PromptLogprobs));
        Range(request.DataParallelRank, 0, int.MaxValue, nameof(GenerationRequest.DataParallelRank));
        CheckFeatures(request, sampling, capabilities);
        CheckMedia(request, sampling, capabilities, model);
        CheckKvParams(request.KvTransferParamsJson);
        CheckKvHints(request.KvHints);
        foreach (var (name, value) in request.Metadata ?? new Dictionary<string, string>())
        {
            if (MetadataRules.Explain(name, value) is { } error)
            {
                throw Bad(error, nameof(GenerationRequest.Metadata));
            }
        }
    }

    /// <summary>Checks whether the prompt can be truncated as requested.</summary>
    public static void CheckTruncation(GenerationRequest request)
    {
        Range(request.Sampling.TruncatePromptTokens, 1, int.MaxValue, nameof(SamplingOptions.TruncatePromptTokens));
        if (request.Media.Count > 0 && request.Sampling.TruncatePromptTokens is { } keep && request.PromptIds.Length > keep)
        {
            throw Bad("A prompt with media cannot be truncated.", nameof(SamplingOptions.TruncatePromptTokens));
        }
    }

    /// <summary>Checks the number of choices, before the request is split.</summary>
    public static void CheckChoices(SamplingOptions sampling)
    {
        Range(sampling.ChoiceCount, 1, 10_000, nameof(SamplingOptions.ChoiceCount));
        if (sampling.ChoiceCount > 1 && sampling.Temperature == 0)
        {
            throw Bad("Several choices require a temperature above 0: greedy choices would all be the same.", nameof(SamplingOptions.ChoiceCount));
        }
    }

    public static void CheckPrompt(ReadOnlySpan<int> ids, int? vocabularySize, int? contextLength, int outputTokens)
    {
        if (ids.IsEmpty)
        {
            throw Bad("The prompt is empty.", nameof(GenerationRequest.PromptIds));
        }

        // Negative ids become large unsigned values.
        var bound = (uint)(vocabularySize ?? MaxVocabulary);
        for (var i = 0; i < ids.Length; i++)
        {
            if ((uint)ids[i] >= bound)
            {
                throw Bad(
                    vocabularySize is null
                        ? $"Prompt id {ids[i]} at position {i} is outside the vocabulary of any model. The size of this model's vocabulary is "
                            + $"unknown; set {nameof(GenerationRequest.VocabularySize)} to have ids checked against it."
                        : $"Prompt id {ids[i]} at position {i} is outside the model's vocabulary of {vocabularySize} tokens. Does the tokenizer "
                            + $"belong to the served model?",
                    nameof(GenerationRequest.PromptIds));
            }
        }

        if (contextLength is { } context && ids.Length + outputTokens > context)
        {
            throw Bad(
                $"The prompt has {ids.Length} tokens; the model's context of {context} tokens has no room for "
                + $"it{(outputTokens > 0 ? " and an answer" : string.Empty)}. "
                + $"Shorten it ({nameof(SamplingOptions.TruncatePromptTokens)} cuts its beginning).",
                nameof(GenerationRequest.PromptIds));
        }
    }

    public static VllmRequestException Bad(string message, string? parameter) =>
        new(message) { StatusCode = StatusCode.InvalidArgument, Parameter = parameter };

    public static VllmRequestException Unsupported(string message, string? parameter) =>
        new(message) { StatusCode = StatusCode.Unimplemented, Parameter = parameter };

    private static void CheckSampling(SamplingOptions sampling, VllmCapabilities capabilities)
    {
        Range(sampling.Temperature, 0, 2, nameof(SamplingOptions.Temperature));
        Range(sampling.TopP, float.Epsilon, 1, nameof(SamplingOptions.TopP), "above 0 and at most 1");
        Range(sampling.TopK, -1, int.MaxValue, nameof(SamplingOptions.TopK));
        Range(sampling.MinP, 0, 1, nameof(SamplingOptions.MinP));
        Range(sampling.FrequencyPenalty, -2, 2, nameof(SamplingOptions.FrequencyPenalty));
        Range(sampling.PresencePenalty, -2, 2, nameof(SamplingOptions.PresencePenalty));
        Range(sampling.RepetitionPenalty, float.Epsilon, float.MaxValue, nameof(SamplingOptions.RepetitionPenalty), "above 0");
        Range(sampling.MaxTokens, 1, int.MaxValue, nameof(SamplingOptions.MaxTokens));
        Range(sampling.MinTokens, 0, int.MaxValue, nameof(SamplingOptions.MinTokens));
        if (sampling.MinTokens > sampling.MaxTokens)
        {
            throw Bad($"{nameof(SamplingOptions.MinTokens)} ({sampling.MinTokens}) is larger than {nameof(SamplingOptions.MaxTokens)} "
                + $"({sampling.MaxTokens}).", nameof(SamplingOptions.MinTokens));
        }

        CheckChoices(sampling);
        if (sampling.Seed is < int.MinValue or > int.MaxValue && !capabilities.LongSeeds)
        {
            throw Bad(
                $"{nameof(SamplingOptions.Seed)} {sampling.Seed} does not fit into the 32 bits of this server's protocol.",
                nameof(SamplingOptions.Seed));
        }
    }

    /// <summary>Requesting more candidates than the vocabulary has tokens kills the engine, for all clients.</summary>
    private static void CheckLogprobs(int? count, int? vocabularySize, string name)
    {
        Range(count, 0, int.MaxValue, name);
        if (count > (vocabularySize ?? MinVocabulary))
        {
            throw Bad(
                vocabularySize is null
                    ? $"{name} is {count}. The size of the model's vocabulary is unknown, and more than {MinVocabulary} may exceed it; "
                        + $"give {nameof(GenerationRequest.VocabularySize)}."
                    : $"{name} is {count}, more than the {vocabularySize} tokens of the model's vocabulary.",
                name);
        }
    }

    private static void CheckIds(GenerationRequest request, SamplingOptions sampling, int? vocabularySize)
    {
        // An id outside the vocabulary can kill the engine. If the size of the vocabulary is unknown, only ids that every model has are allowed.
        var bound = (uint)(vocabularySize ?? MinVocabulary);
        var lacks = vocabularySize is null
            ? $" The size of the model's vocabulary is unknown; set {nameof(GenerationRequest.VocabularySize)}."
            : string.Empty;

        // Stop ids outside the vocabulary are harmless: servers refuse them, or they never occur.
        CheckEach(request.StopTokenIds, nameof(GenerationRequest.StopTokenIds), (uint)(vocabularySize ?? int.MaxValue));
        CheckEach(request.LogprobTokenIds ?? [], nameof(GenerationRequest.LogprobTokenIds), bound);
        CheckEach(sampling.AllowedTokenIds ?? [], nameof(SamplingOptions.AllowedTokenIds), bound);
        foreach (var (id, bias) in sampling.LogitBias ?? new Dictionary<int, float>())
        {
            if ((uint)id >= bound || !float.IsFinite(bias))
            {
                throw Bad($"{nameof(SamplingOptions.LogitBias)} of token {id} ({bias}): the id must be in the vocabulary ({bound} "
                    + $"tokens) and the value finite.{lacks}", nameof(SamplingOptions.LogitBias));
            }
        }

        if (sampling.AllowedTokenIds is { Count: 0 })
        {
            throw Bad("The list of allowed tokens is empty.", nameof(SamplingOptions.AllowedTokenIds));
        }

        void CheckEach(IReadOnlyList<int> ids, string name, uint end)
        {
            for (var i = 0; i < ids.Count; i++)
            {
                if ((uint)ids[i] >= end)
                {
                    throw Bad($"Token id {ids[i]} of {name} is outside the model's vocabulary of {end} tokens.{lacks}", name);
                }
            }
        }
    }

    private static void CheckFeatures(GenerationRequest request, SamplingOptions sampling, VllmCapabilities capabilities)
    {
        var isInference = capabilities.Protocol != VllmProtocol.VllmEngine;
        Need(request.LoraName is { Length: > 0 }, capabilities.Lora, "LoRA adapters", nameof(GenerationRequest.LoraName));
        Need(request.Priority is not null and not 0, capabilities.Priority, "priorities", nameof(GenerationRequest.Priority));
        Need(request.CacheSalt is { Length: > 0 }, capabilities.CacheSalt, "cache salts", nameof(GenerationRequest.CacheSalt));
        Need(request.BypassPrefixCache, capabilities.CacheSalt, "bypassing the prefix cache", nameof(GenerationRequest.BypassPrefixCache));
        Need(sampling.AllowedTokenIds is not null, capabilities.AllowedTokenIds, "lists of allowed tokens", nameof(SamplingOptions.AllowedTokenIds));
        if ((request.Logprobs is not null || request.PromptLogprobs is not null) && !capabilities.Logprobs)
        {
            throw Unsupported($"{nameof(GenerationRequest.Logprobs)}: this server does not support log probabilities.",
                nameof(GenerationRequest.Logprobs));
        }

        Need(request.SessionId is not null, isInference, "session ids", nameof(GenerationRequest.SessionId));
        Need(request.LogprobTokenIds is { Count: > 0 }, isInference, "log probabilities of chosen ids", nameof(GenerationRequest.LogprobTokenIds));
        Need(request.Watermarking is not null, isInference, "watermarking", nameof(GenerationRequest.Watermarking));
        Need(request.KvHints is not null, isInference, "hints for the KV cache", nameof(GenerationRequest.KvHints));
        if (request.PromptLogprobs is not null && !capabilities.PromptLogprobs)
        {
            throw Unsupported(
                "This server is the Rust servicer of the VllmEngine protocol: with prompt log probabilities, it loses the first token of the answer. "
                + "Leave them out, or start the server with --servicer-impl python.",
                nameof(GenerationRequest.PromptLogprobs));
        }

        if (request.PromptText is not null && !capabilities.TextPrompts)
        {
            throw Unsupported(
                "This server is the Rust servicer of the VllmEngine protocol: it accepts prompts as token ids only. Encode the text with the model's "
                + "tokenizer.",
                nameof(GenerationRequest.PromptText));
        }

        void Need(bool asked, bool able, string what, string parameter)
        {
            if (asked && !able)
            {
                throw Unsupported(
                    isInference
                        ? $"{parameter}: this server does not support {what}."
                        : $"{parameter}: the VllmEngine protocol does not support {what}; the Inference protocol does (vllm serve MODEL "
                            + "--grpc-port N).",
                    parameter);
            }
        }
    }

    private static void CheckMedia(GenerationRequest request, SamplingOptions sampling, VllmCapabilities capabilities, VllmModelInfo model)
    {
        if (request.Media.Count == 0)
        {
            return;
        }

        if (!capabilities.Media)
        {
            throw Unsupported(
                capabilities.Protocol == VllmProtocol.VllmEngine && model.IsMultimodal
                    ? "The server does not accept media: its media processor is off. Start it with --mm-processor inprocess."
                    : "The served model does not accept media over gRPC (it is a text model, or the server's front end cannot process "
                        + "its media).",
                nameof(GenerationRequest.Media));
        }

        if (request.PromptText is not null)
        {
            throw Bad("Media require a prompt of token ids with one placeholder token per item.", nameof(GenerationRequest.Media));
        }

        foreach (var group in request.Media.GroupBy(static item => item.Kind).Where(_ => capabilities.MediaLimits.Count > 0))
        {
            // A server that reports limits omits the kinds it does not accept.
            if (!capabilities.MediaLimits.TryGetValue(group.Key, out var limit))
            {
                throw Bad(
                    $"The served model does not accept media of kind {group.Key} (it accepts {string.Join(", ", capabilities.MediaLimits.Keys)}).",
                    nameof(GenerationRequest.Media));
            }

            if (group.Count() > limit)
            {
                throw Bad(
                    $"{group.Count()} items of kind {group.Key} were sent; this server accepts {limit} per request (--limit-mm-per-prompt).",
                    nameof(GenerationRequest.Media));
            }
        }

        foreach (var item in request.Media)
        {
            var scheme = item.Uri?.Scheme ?? "data";
            if (!capabilities.MediaSchemes.Contains(scheme, StringComparer.OrdinalIgnoreCase))
            {
                throw Bad(
                    $"This server does not accept {scheme}: media (it accepts {string.Join(", ", capabilities.MediaSchemes)}).",
                    nameof(GenerationRequest.Media));
            }
        }
    }

    private static void CheckKvParams(string? json)
    {
        if (json is null)
        {
            return;
        }

        try
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return;
            }
        }
        catch (JsonException)
        {
        }

        throw Bad($"{nameof(GenerationRequest.KvTransferParamsJson)} is not a JSON object.", nameof(GenerationRequest.KvTransferParamsJson));
    }

    private static void CheckKvHints(string? json)
    {
        try
        {
            _ = json is null ? null : KVHintsEnvelope.Parser.ParseJson(json);
        }
        catch (Exception exception) when (exception is InvalidProtocolBufferException or InvalidJsonException)
        {
            throw Bad(
                $"{nameof(GenerationRequest.KvHints)} is not a {nameof(KVHintsEnvelope)} as JSON: {exception.Message}",
                nameof(GenerationRequest.KvHints));
        }
    }

    private static void Range(float? value, float least, float most, string name, string? description = null)
    {
        // Written so that NaN fails.
        if (value is { } number && !(number >= least && number <= most))
        {
            var range = description ?? FormattableString.Invariant($"from {least} to {most}");
            throw Bad(FormattableString.Invariant($"{name} is {number}; it must be {range}."), name);
        }
    }

    private static void Range(int? value, int least, int most, string name)
    {
        if (value < least || value > most)
        {
            throw Bad($"{name} is {value}; it must be {(most == int.MaxValue ? $"at least {least}" : $"from {least} to {most}")}.", name);
        }
    }
}

/// <summary>
/// Applies defaults to a request as vLLM's HTTP server does: the caller's value, otherwise the model's default, otherwise a neutral value. The
/// temperature is always set, because without it one protocol uses 1 and the other is greedy, and so is the maximum length.
/// </summary>
internal static class SamplingDefaults
{
    public static SamplingOptions Apply(GenerationRequest request, VllmModelInfo model, bool applyModelDefaults)
    {
        var sampling = request.Sampling.WithDefaults(applyModelDefaults ? model.DefaultSampling : null);
        sampling = sampling with { Temperature = sampling.Temperature ?? 1 };

        // Media expand to an unknown number of tokens on the server, and text prompts are tokenized there, so the remaining room is unknown.
        if (model.ContextLength is not { } context)
        {
            return sampling;
        }

        var room = request.PromptText is null && request.Media.Count == 0 ? context - request.PromptIds.Length : context - 1;
        return room < 1 ? sampling : sampling with { MaxTokens = Math.Min(sampling.MaxTokens ?? int.MaxValue, room) };
    }
}

internal static class RequestIds
{
    /// <summary>
    /// Gets the id of an attempt. A caller's own id gets a suffix on retries, because a server may still know it from the previous attempt.
    /// </summary>
    public static string ForAttempt(string? requestId, int attempt) => requestId is null ? GenerationRequest.NewRequestId()
        : attempt == 0 ? requestId
        : string.Create(CultureInfo.InvariantCulture, $"{requestId}-retry{attempt}");
}
