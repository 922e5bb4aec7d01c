using Engine = Connectors.Vllm.Grpc.Protocol.Engine;
using Inference = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>Reads recorded requests back into options: the reverse of the request builders, independent of them.</summary>
internal static class RequestReading
{
    public static (GenerationRequest Request, SamplingOptions Sampling, string RequestId) FromEngine(byte[] bytes)
    {
        var message = Engine.GenerateRequest.Parser.ParseFrom(bytes);
        var p = message.SamplingParams ?? new Engine.SamplingParams();
        var sampling = new SamplingOptions
        {
            Temperature = p.HasTemperature ? p.Temperature : null,
            TopP = NonZero(p.TopP),
            TopK = NonZero(p.TopK),
            MinP = NonZero(p.MinP),
            FrequencyPenalty = NonZero(p.FrequencyPenalty),
            PresencePenalty = NonZero(p.PresencePenalty),
            RepetitionPenalty = NonZero(p.RepetitionPenalty),
            MaxTokens = p.HasMaxTokens ? (int)p.MaxTokens : null,
            MinTokens = NonZero(p.MinTokens),
            IgnoreEos = p.IgnoreEos,
            ChoiceCount = NonZero(p.N),
            Seed = p.HasSeed ? p.Seed : null,
            SkipSpecialTokens = p.SkipSpecialTokens,
            SpacesBetweenSpecialTokens = p.SpacesBetweenSpecialTokens,
            IncludeStopString = p.IncludeStopStrInOutput,
            LogitBias = p.LogitBias.ToDictionary(pair => pair.Key, pair => pair.Value),
            TruncatePromptTokens = p.HasTruncatePromptTokens ? p.TruncatePromptTokens : null,
        };
        var request = new GenerationRequest
        {
            PromptIds = message.Tokenized?.InputIds.Select(id => (int)id).ToArray(),
            PromptText = message.InputCase == Engine.GenerateRequest.InputOneofCase.Text ? message.Text : null,
            Stream = message.Stream,
            StopStrings = [.. p.Stop],
            StopTokenIds = [.. p.StopTokenIds.Select(id => (int)id)],
            Logprobs = p.HasLogprobs ? p.Logprobs : null,
            PromptLogprobs = p.HasPromptLogprobs ? p.PromptLogprobs : null,
            Constraint = p.ConstraintCase switch
            {
                Engine.SamplingParams.ConstraintOneofCase.JsonSchema => OutputConstraint.JsonSchema(p.JsonSchema),
                Engine.SamplingParams.ConstraintOneofCase.Regex => OutputConstraint.Regex(p.Regex),
                Engine.SamplingParams.ConstraintOneofCase.Grammar => OutputConstraint.Grammar(p.Grammar),
                Engine.SamplingParams.ConstraintOneofCase.StructuralTag => OutputConstraint.StructuralTag(p.StructuralTag),
                Engine.SamplingParams.ConstraintOneofCase.JsonObject => OutputConstraint.JsonObject(),
                Engine.SamplingParams.ConstraintOneofCase.Choice => OutputConstraint.Choice(p.Choice.Choices),
                _ => null,
            },
            Sampling = sampling,
        };
        return (request, sampling, message.RequestId);
    }

    public static (GenerationRequest Request, SamplingOptions Sampling, string RequestId) FromInference(byte[] bytes, bool stream)
    {
        var message = Inference.GenerateRequest.Parser.ParseFrom(bytes);
        var s = message.Sampling ?? new();
        var d = message.Decoding ?? new();
        var stop = message.Stopping ?? new();
        var r = message.Response ?? new();
        var sampling = new SamplingOptions
        {
            Temperature = message.HasTemperature ? message.Temperature : null,
            TopP = NonZero(s.TopP),
            TopK = NonZero(s.TopK),
            MinP = NonZero(s.MinP),
            FrequencyPenalty = NonZero(d.FrequencyPenalty),
            PresencePenalty = NonZero(d.PresencePenalty),
            RepetitionPenalty = NonZero(d.RepetitionPenalty),
            MaxTokens = NonZero(stop.MaxNewTokens),
            MinTokens = NonZero(stop.MinNewTokens),
            IgnoreEos = stop.IgnoreEos,
            ChoiceCount = NonZero(s.NumSequences),
            Seed = s.HasSeed ? s.Seed : null,
            SkipSpecialTokens = r.HasSkipSpecialTokens ? r.SkipSpecialTokens : null,
            IncludeStopString = stop.IncludeStopStrings,
            AllowedTokenIds = d.AllowedTokenIds.Count > 0 ? [.. d.AllowedTokenIds.Select(id => (int)id)] : null,
            LogitBias = d.LogitBias.ToDictionary(pair => (int)pair.Key, pair => pair.Value),
            TruncatePromptTokens = NonZero(message.TruncatePromptTokens),
        };
        var request = new GenerationRequest
        {
            PromptIds = message.TokenIds?.Ids.Select(id => (int)id).ToArray(),
            PromptText = message.PromptCase == Inference.GenerateRequest.PromptOneofCase.Text ? message.Text : null,
            Stream = stream,
            Model = message.Model.Length > 0 ? message.Model : null,
            LoraName = message.LoraName.Length > 0 ? message.LoraName : null,
            StopStrings = [.. stop.StopStrings],
            StopTokenIds = [.. stop.StopTokenIds.Select(id => (int)id)],
            Logprobs = r.OutputLogprobs ? (int)(r.OutputCandidates?.TopN ?? 0) : null,
            PromptLogprobs = r.PromptLogprobs ? (int)(r.PromptCandidates?.TopN ?? 0) : null,
            IncludeServerText = !r.HasOutputText || r.OutputText,
            IncludePromptIds = r.PromptTokenIds,
            IncludeTokenIds = r.OutputTokenIds,
            Constraint = d.StructuredOutputCase switch
            {
                Inference.DecodingParameters.StructuredOutputOneofCase.Json => OutputConstraint.JsonSchema(d.Json),
                Inference.DecodingParameters.StructuredOutputOneofCase.Regex => OutputConstraint.Regex(d.Regex),
                Inference.DecodingParameters.StructuredOutputOneofCase.Grammar => OutputConstraint.Grammar(d.Grammar),
                Inference.DecodingParameters.StructuredOutputOneofCase.StructuralTag => OutputConstraint.StructuralTag(d.StructuralTag),
                Inference.DecodingParameters.StructuredOutputOneofCase.JsonObject => OutputConstraint.JsonObject(),
                Inference.DecodingParameters.StructuredOutputOneofCase.Choice => OutputConstraint.Choice(d.Choice.Choices),
                _ => null,
            },
            Sampling = sampling,
        };
        return (request, sampling, message.RequestId);
    }

    private static float? NonZero(float value) => value == 0 ? null : value;

    private static int? NonZero(uint value) => value == 0 ? null : (int)value;
}

internal static class ReaderExtensions
{
    /// <summary>Reads a message as the method's marshaller and then the reader do.</summary>
    public static GenerationUpdate? ReadBytes(this GenerationReader reader, byte[] message) =>
        reader.Read(reader is VllmEngineReader ? VllmEngineReader.Parse(new(message)) : InferenceReader.Parse(new(message)));
}
