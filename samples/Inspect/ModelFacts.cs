using System.Globalization;
using System.Text.Json;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;

namespace Connectors.Vllm.Samples.Inspect;

/// <summary>What was found out about a model, as name and value.</summary>
internal static class ModelFacts
{
    public static IEnumerable<(string Name, object? Value)> Of(VllmModelProfile profile, IVllmEngine? engine)
    {
        if (engine is not null)
        {
            yield return ("endpoint", engine.Endpoint.ToString());
            yield return ("protocol", engine.Protocol.ToString());
            var capabilities = profile.Capabilities;
            yield return ("capabilities", string.Join(", ", Names(capabilities)));
            yield return ("constraint_start", capabilities.ConstraintStart.ToString());
            yield return ("server_reasoning_parser", capabilities.ReasoningParser);
            yield return ("server_tool_call_parser", capabilities.ToolCallParser);
        }

        yield return ("model_id", profile.ModelId);
        yield return ("model_type", profile.ModelType);
        yield return ("architectures", string.Join(", ", profile.Architectures));
        yield return ("context_length", profile.ContextLength);
        yield return ("vocabulary_size", profile.VocabularySize);
        yield return ("files", profile.FilesOrigin);
        yield return ("template", profile.TemplateOrigin);
        yield return ("tool_parser", profile.Format.ToolParser);
        yield return ("tool_parser_reason", profile.Format.ToolParserReason);
        yield return ("reasoning_parser", profile.Format.ReasoningParser);
        yield return ("reasoning_parser_reason", profile.Format.ReasoningParserReason);
        yield return ("stop_token_ids", string.Join(' ', profile.StopTokenIds));
        yield return ("stop_tokens", string.Join(' ', profile.StopTokenIds.Select(id => profile.Tokenizer.IdToToken(id))));
        var sampling = profile.SamplingDefaults;
        yield return ("sampling_defaults", sampling is null ? null : string.Create(
            CultureInfo.InvariantCulture,
            $"temperature {sampling.Temperature}, top_p {sampling.TopP}, top_k {sampling.TopK}, min_p {sampling.MinP}, repetition_penalty {sampling.RepetitionPenalty}"));
    }

    public static void WriteFormat(Utf8JsonWriter answer, OutputFormat format)
    {
        answer.WriteStartObject("format");
        answer.WriteString("tool_parser", format.ToolParser);
        answer.WriteString("tool_parser_reason", format.ToolParserReason);
        answer.WriteString("reasoning_parser", format.ReasoningParser);
        answer.WriteString("reasoning_parser_reason", format.ReasoningParserReason);
        answer.WriteEndObject();
    }

    private static IEnumerable<string> Names(VllmCapabilities capabilities) =>
        from capability in new (string Name, bool Has)[]
        {
            ("n", capabilities.MultipleChoices), ("logprobs", capabilities.Logprobs), ("lora", capabilities.Lora), ("priority", capabilities.Priority),
            ("cache_salt", capabilities.CacheSalt), ("allowed_token_ids", capabilities.AllowedTokenIds), ("embeddings", capabilities.Embeddings),
            ("generation", capabilities.Generation), ("tokenizer_transfer", capabilities.TokenizerTransfer), ("loads", capabilities.Loads),
            ("kv_events", capabilities.KvEvents), ("abort", capabilities.Abort), ("media", capabilities.Media),
        }
        where capability.Has
        select capability.Name;
}
