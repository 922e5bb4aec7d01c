using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Emulator.Engine;
using Connectors.Vllm.Testing.Generation;
using Connectors.Vllm.Testing.Protocols;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Emulator.VllmEngine;

/// <summary>
/// The parameter checks of the VllmEngine protocol with the messages of vLLM 0.32. Zero on the wire stands for "not set" in every field without
/// presence; an absent temperature is 1.0.
/// </summary>
internal static class SamplingRules
{
    public static void Check(SamplingParams sampling, int vocabulary, int maxLogProbs)
    {
        Range(sampling.PresencePenalty is >= -2 and <= 2, "presence_penalty must be in [-2, 2]", "presence_penalty", sampling.PresencePenalty);
        Range(sampling.FrequencyPenalty is >= -2 and <= 2, "frequency_penalty must be in [-2, 2]", "frequency_penalty", sampling.FrequencyPenalty);
        Range(sampling.RepetitionPenalty >= 0, "repetition_penalty must be greater than zero", "repetition_penalty", sampling.RepetitionPenalty);
        var temperature = sampling.HasTemperature ? sampling.Temperature : 1f;
        Range(temperature >= 0, "temperature must be non-negative", "temperature", temperature);
        Range(temperature <= 2, "temperature must be in [0, 2]", "temperature", temperature);
        Range(sampling.TopP is >= 0 and <= 1, "top_p must be in (0, 1]", "top_p", sampling.TopP);
        Range(sampling.MinP is >= 0 and <= 1, "min_p must be in [0, 1]", "min_p", sampling.MinP);
        if (sampling is { HasMaxTokens: true, MaxTokens: 0 })
        {
            throw RpcFailure.Invalid("max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)");
        }

        if (sampling.HasMaxTokens && sampling.MinTokens > sampling.MaxTokens)
        {
            throw RpcFailure.Invalid($"min_tokens must be less than or equal to max_tokens={sampling.MaxTokens}, got {sampling.MinTokens}.");
        }

        if (sampling.Stop.Contains(""))
        {
            throw RpcFailure.Invalid("stop cannot contain an empty string.");
        }

        if (sampling.N > 1 && temperature == 0)
        {
            throw RpcFailure.Invalid($"n must be 1 when using greedy sampling, got {sampling.N}.");
        }

        LogProbs(sampling.HasLogprobs, sampling.Logprobs, "sample", "logprobs", vocabulary, maxLogProbs);
        LogProbs(sampling.HasPromptLogprobs, sampling.PromptLogprobs, "prompt", "prompt_logprobs", vocabulary, maxLogProbs);
        Vocabulary(sampling.StopTokenIds.Where(id => id >= vocabulary), "stop_token_ids", vocabulary);
        Vocabulary(sampling.LogitBias.Keys.Where(id => id < 0 || id >= vocabulary).Select(id => (uint)id), "logit_bias", vocabulary);
    }

    private static void Range(bool fine, string rule, string name, float value)
    {
        if (!fine)
        {
            var text = PythonText.Of(value);
            throw RpcFailure.Invalid($"{rule}, got {text}. (parameter={name}, value={text})");
        }
    }

    private static void LogProbs(bool present, int asked, string what, string name, int vocabulary, int limit)
    {
        var count = asked == -1 ? vocabulary : asked;
        if (present && count > limit)
        {
            throw RpcFailure.Invalid(string.Create(
                CultureInfo.InvariantCulture,
                $"Requested {what} logprobs of {count}, which is greater than max allowed: {limit} (parameter={name}, value={asked})"));
        }
    }

    private static void Vocabulary(IEnumerable<uint> outside, string name, int vocabulary)
    {
        var ids = outside.Select(id => (int)id).ToArray();
        if (ids.Length > 0)
        {
            var list = PythonText.List(ids);
            throw RpcFailure.Invalid(
                $"token_id(s) {list} in {name} contain out-of-vocab token ids. Vocabulary size: {vocabulary} (parameter={name}, value={list})");
        }
    }
}

/// <summary>Refuses the constraints that the grammar backends refuse, with similar messages.</summary>
internal static class ConstraintRules
{
    public static void Check(SamplingParams sampling)
    {
        if (VllmEngineInformation.GetConstraint(sampling) is { } constraint)
        {
            Check(constraint, sampling);
        }
    }

    /// <summary>Whether no backend can compile the constraint.</summary>
    public static bool IsBroken(SamplingParams sampling)
    {
        try
        {
            Check(sampling);
            return FailsLate(VllmEngineInformation.GetConstraint(sampling));
        }
        catch (RpcFailure)
        {
            return true;
        }
    }

    /// <summary>
    /// Whether the backend detects only at the first token that it cannot apply this grammar; the finish reason is then <c>error</c>.
    /// </summary>
    public static bool FailsLate(Constraint? constraint) =>
        constraint is { Kind: ConstraintKind.Grammar } && !SchemaText.LooksLikeGrammar(constraint.Text);

    private static void Check(Constraint constraint, SamplingParams sampling)
    {
        switch (constraint.Kind)
        {
            case ConstraintKind.JsonSchema when SchemaText.ProblemOf(constraint.Text) is { } problem:
                throw RpcFailure.Invalid($"Grammar error: {problem}");
            case ConstraintKind.Regex when SchemaText.RegexProblem(constraint.Text) is { } problem:
                throw RpcFailure.Invalid($"Grammar error: at 1(8): invalid regex \"{constraint.Text}\" (in regex): {problem}");
            case ConstraintKind.StructuralTag when SchemaText.JsonProblem(constraint.Text) is not null:
                throw RpcFailure.Invalid("Invalid structural tag: it is not valid JSON");
            case ConstraintKind.JsonObject when !sampling.JsonObject:
                throw RpcFailure.Invalid("structured_outputs.json_object must be True if set; omit structured_outputs to disable structured outputs");
            case ConstraintKind.Choice when constraint.Choices.Count == 0:
                throw RpcFailure.Invalid("Grammar error: choices must not be empty");
        }
    }
}

/// <summary>Formats numbers like Python in error messages.</summary>
internal static class PythonText
{
    /// <summary>Formats a float as a Python float: 2 is <c>2.0</c>, 0.1f is <c>0.10000000149011612</c>.</summary>
    public static string Of(float value)
    {
        var text = ((double)value).ToString("R", CultureInfo.InvariantCulture);
        return text.Contains('.') || text.Contains('E') || !float.IsFinite(value) ? text : text + ".0";
    }

    public static string List(IEnumerable<int> values) => "[" + string.Join(", ", values) + "]";
}
