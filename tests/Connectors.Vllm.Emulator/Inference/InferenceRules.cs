using System.Globalization;
using Connectors.Vllm.Grpc.Protocol.Inference;
using Connectors.Vllm.Emulator.Engine;
using Connectors.Vllm.Testing.Generation;
using Connectors.Vllm.Testing.Protocols;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Emulator.Inference;

/// <summary>The parameter checks of the Inference protocol with the messages of vLLM 0.32.</summary>
internal static class InferenceRules
{
    public static void Check(GenerateRequest request, string requestId, int vocabulary, int maxLogProbs)
    {
        var sampling = request.Sampling ?? new RandomSampling();
        var decoding = request.Decoding ?? new DecodingParameters();
        var stopping = request.Stopping ?? new StoppingCriteria();
        if (sampling.NumSequences > 1)
        {
            throw RpcFailure.Invalid("num_sequences > 1 is not supported");
        }

        if (stopping.StopStrings.Contains(""))
        {
            throw RpcFailure.Invalid($"text request `{requestId}` stop strings cannot be empty");
        }

        Range(decoding.PresencePenalty is >= -2 and <= 2, "presence_penalty must be in [-2, 2]", decoding.PresencePenalty);
        Range(decoding.FrequencyPenalty is >= -2 and <= 2, "frequency_penalty must be in [-2, 2]", decoding.FrequencyPenalty);
        Range(decoding.RepetitionPenalty >= 0, "repetition_penalty must be greater than zero", decoding.RepetitionPenalty);
        Range(request.Temperature is >= 0 and <= 2, "temperature must be in [0, 2]", request.Temperature);
        Range(sampling.TopP is >= 0 and <= 1, "top_p must be in (0, 1]", sampling.TopP);
        Range(sampling.MinP is >= 0 and <= 1, "min_p must be in [0, 1]", sampling.MinP);
        if (stopping.MaxNewTokens > 0 && stopping.MinNewTokens > stopping.MaxNewTokens)
        {
            throw RpcFailure.Invalid(
                "`min_tokens` must be less than or equal to `max_tokens`, "
                + $"got min_tokens={stopping.MinNewTokens}, max_tokens={stopping.MaxNewTokens}");
        }

        Vocabulary(stopping.StopTokenIds, "stop_token_ids", vocabulary);
        Vocabulary(decoding.AllowedTokenIds, "allowed_token_ids", vocabulary);
        Vocabulary(decoding.LogitBias.Keys, "logit_bias", vocabulary);
        var response = request.Response ?? new ResponseOptions();
        LogProbs(response.OutputCandidates, vocabulary, maxLogProbs);
        LogProbs(response.PromptCandidates, vocabulary, maxLogProbs);
        if (response.PromptCandidates?.SelectCase == CandidateTokens.SelectOneofCase.TokenIds)
        {
            throw RpcFailure.Invalid("prompt_candidates token_ids selector is not supported");
        }

        CheckConstraint(decoding);
    }

    /// <summary>
    /// Whether the engine detects only at the first token that it cannot compile the constraint; the client gets a single end-of-sequence id.
    /// </summary>
    public static bool FailsSilently(Constraint? constraint) => constraint switch
    {
        { Kind: ConstraintKind.JsonSchema } => SchemaText.ProblemOf(constraint.Text) is not null,
        { Kind: ConstraintKind.Regex } => SchemaText.RegexProblem(constraint.Text) is not null,
        { Kind: ConstraintKind.Grammar } => !SchemaText.LooksLikeGrammar(constraint.Text),
        _ => false,
    };

    public static bool FailsLoudly(Constraint? constraint) =>
        constraint is { Kind: ConstraintKind.StructuralTag } && SchemaText.JsonProblem(constraint.Text) is not null;

    /// <summary>Refuses the constraints that the front end itself refuses.</summary>
    private static void CheckConstraint(DecodingParameters decoding)
    {
        switch (decoding.StructuredOutputCase)
        {
            case DecodingParameters.StructuredOutputOneofCase.Json when SchemaText.JsonProblem(decoding.Json) is { } problem:
                throw RpcFailure.Invalid(
                    $"invalid json schema: {(decoding.Json == "{" ? "EOF while parsing an object at line 1 column 1" : problem)}");
            case DecodingParameters.StructuredOutputOneofCase.Grammar when decoding.Grammar.Length == 0:
                throw RpcFailure.Invalid("invalid structured outputs params: grammar cannot be an empty string");
            case DecodingParameters.StructuredOutputOneofCase.Choice when decoding.Choice.Choices.Count == 0:
                throw RpcFailure.Invalid("invalid structured outputs params: choice cannot be empty");
        }
    }

    private static void Range(bool fine, string rule, float value)
    {
        if (!fine)
        {
            throw RpcFailure.Invalid(string.Create(CultureInfo.InvariantCulture, $"{rule}, got {value:R}"));
        }
    }

    private static void LogProbs(CandidateTokens? candidates, int vocabulary, int limit)
    {
        var count = candidates?.SelectCase switch
        {
            CandidateTokens.SelectOneofCase.TopN => (int)Math.Min(candidates.TopN, int.MaxValue),
            CandidateTokens.SelectOneofCase.All when candidates.All => vocabulary,
            _ => 0,
        };
        if (count > limit)
        {
            throw RpcFailure.Invalid($"requested logprobs of {count}, which is greater than max allowed: {limit}");
        }
    }

    private static void Vocabulary(IEnumerable<uint> ids, string name, int vocabulary)
    {
        var outside = ids.Where(id => id >= vocabulary).ToArray();
        if (outside.Length > 0)
        {
            throw RpcFailure.Invalid($"token_id(s) [{string.Join(", ", outside)}] in {name} are out of vocabulary. Vocabulary size: {vocabulary}");
        }
    }
}
