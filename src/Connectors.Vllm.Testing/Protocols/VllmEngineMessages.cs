using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing.Generation;
using Google.Protobuf.Collections;
using TokenLogprob = Connectors.Vllm.Grpc.TokenLogprob;

namespace Connectors.Vllm.Testing.Protocols;

/// <summary>Turns generation steps into response messages of the VllmEngine protocol.</summary>
internal class VllmEngineMessages
{
    private readonly SamplingParams _sampling;
    private readonly GenerationRequest _request;
    private readonly uint _cached;
    private readonly LogprobSource[] _outputs;
    private readonly LogprobSource _input;
    private readonly bool[] _begun;

    public VllmEngineMessages(SamplingParams sampling, GenerationRequest request, ScriptedReply reply, int cached, int vocabulary)
    {
        _sampling = sampling;
        _request = request;
        _cached = (uint)cached;
        _outputs = new LogprobSource[request.Choices];
        for (var i = 0; i < _outputs.Length; i++)
        {
            var choice = i > 0 && reply.Alternatives is { } others && i <= others.Count ? others[i - 1] : reply;
            _outputs[i] = new LogprobSource(choice.Logprobs, vocabulary);
        }

        _input = new LogprobSource(reply.PromptLogprobs, vocabulary);
        _begun = new bool[request.Choices];
    }

    public virtual GenerateResponse Chunk(SequenceStep step)
    {
        var chunk = new GenerateStreamChunk
        {
            PromptTokens = (uint)_request.PromptTokens,
            CompletionTokens = (uint)step.Ids.Count,
            CachedTokens = _cached,
        };
        Add(chunk.TokenIds, step.Ids);
        chunk.Index = (uint)step.Index;
        chunk.OutputLogprobs = Output(step);
        chunk.InputLogprobs = _begun[step.Index] ? null : Input();
        _begun[step.Index] = true;
        return new GenerateResponse { Chunk = chunk };
    }

    /// <summary>Creates the end of a streamed choice, which repeats the last delta.</summary>
    public virtual GenerateResponse Complete(SequenceStep step) => Complete(step, step.Offset == 0);

    /// <summary>Creates the message of a choice that is not streamed, with all ids.</summary>
    public virtual GenerateResponse Whole(IReadOnlyList<SequenceStep> steps)
    {
        var last = steps[^1];
        return Complete(last with { Offset = 0, Ids = [.. steps.SelectMany(step => step.Ids)] }, withPrompt: true);
    }

    private GenerateResponse Complete(SequenceStep step, bool withPrompt)
    {
        var complete = new GenerateComplete
        {
            FinishReason = Reason(step.Finish),
            PromptTokens = (uint)_request.PromptTokens,
            CompletionTokens = (uint)step.Ids.Count,
            CachedTokens = _cached,
        };
        Add(complete.OutputIds, step.Ids);
        complete.Index = (uint)step.Index;
        complete.OutputLogprobs = Output(step);
        complete.InputLogprobs = withPrompt ? Input() : null;
        if (step.Finish == FinishKind.StopToken)
        {
            complete.MatchedTokenId = (uint)step.FinishToken;
        }
        else if (step.Finish == FinishKind.StopString)
        {
            complete.MatchedStopStr = step.FinishString;
        }
        else if (step.Finish == FinishKind.Repetition)
        {
            complete.MatchedStopStr = "repetition_detected";
        }

        return new GenerateResponse { Complete = complete };
    }

    private static string Reason(FinishKind kind) => kind switch
    {
        FinishKind.Length => "length",
        FinishKind.Abort => "abort",
        FinishKind.Error => "error",
        FinishKind.Repetition => "repetition",
        _ => "stop",
    };

    private static void Add(RepeatedField<uint> target, IReadOnlyList<int> ids)
    {
        foreach (var id in ids)
        {
            target.Add((uint)id);
        }
    }

    private OutputLogProbs? Output(SequenceStep step) =>
        _sampling.HasLogprobs ? LogProbMessages.Output(_outputs[step.Index], step, _sampling.Logprobs) : null;

    private InputLogProbs? Input() =>
        _sampling.HasPromptLogprobs ? LogProbMessages.Input(_input, _request.PromptIds, _sampling.PromptLogprobs) : null;
}

/// <summary>
/// Creates the messages with log probabilities. A list of k candidates begins with the sampled token, whatever its rank, followed by the most likely
/// others; if the sampled token is not among the k most likely, the last of those is missing.
/// </summary>
internal static class LogProbMessages
{
    public static OutputLogProbs Output(LogprobSource source, SequenceStep step, int requested)
    {
        var message = new OutputLogProbs();
        for (var i = 0; i < step.Ids.Count; i++)
        {
            var token = step.Ids[i];
            var entry = source.At(step.Offset + i, token);
            message.TokenLogprobs.Add(entry.Logprob ?? 0f);
            message.TokenIds.Add((uint)token);
            if (requested != 0)
            {
                message.TopLogprobs.Add(Top(entry, token, requested));
            }
        }

        return message;
    }

    public static InputLogProbs Input(LogprobSource source, ReadOnlySpan<int> prompt, int requested)
    {
        var message = new InputLogProbs();
        for (var i = 0; i < prompt.Length; i++)
        {
            var entry = source.At(i, prompt[i]);
            message.TokenLogprobs.Add(i == 0 ? new InputTokenLogProb() : new InputTokenLogProb { Value = entry.Logprob ?? 0f });
            message.TokenIds.Add((uint)prompt[i]);
            if (requested != 0)
            {
                message.TopLogprobs.Add(i == 0 ? new TopLogProbs() : Top(entry, prompt[i], requested));
            }
        }

        return message;
    }

    private static TopLogProbs Top(TokenLogprob entry, int token, int requested)
    {
        var top = new TopLogProbs();
        if (requested < 0)
        {
            return top;
        }

        top.Values.Add(entry.Logprob ?? 0f);
        top.TokenIds.Add((uint)token);
        foreach (var candidate in entry.Alternatives)
        {
            if (top.Values.Count >= requested)
            {
                break;
            }

            if (candidate.TokenId != token)
            {
                top.Values.Add(candidate.Logprob ?? 0f);
                top.TokenIds.Add((uint)candidate.TokenId);
            }
        }

        return top;
    }
}
