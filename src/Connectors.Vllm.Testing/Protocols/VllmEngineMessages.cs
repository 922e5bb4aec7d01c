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

    /// <summary>The end of a streamed choice: the last delta once more.</summary>
    public virtual GenerateResponse Complete(SequenceStep step) => Complete(step, step.Offset == 0);

    /// <summary>A choice that was not streamed: all ids at once.</summary>
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
/// Builds the logprob messages. A top list holds the first k of the sampled token followed by the best others: the sampled token comes first
/// whatever its rank, and then the k-th best is missing.
/// </summary>
internal static class LogProbMessages
{
    public static OutputLogProbs Output(LogprobSource source, SequenceStep step, int asked)
    {
        var message = new OutputLogProbs();
        for (var i = 0; i < step.Ids.Count; i++)
        {
            var token = step.Ids[i];
            var entry = source.At(step.Offset + i, token);
            message.TokenLogprobs.Add(entry.Logprob ?? 0f);
            message.TokenIds.Add((uint)token);
            if (asked != 0)
            {
                message.TopLogprobs.Add(Top(entry, token, asked));
            }
        }

        return message;
    }

    public static InputLogProbs Input(LogprobSource source, ReadOnlySpan<int> prompt, int asked)
    {
        var message = new InputLogProbs();
        for (var i = 0; i < prompt.Length; i++)
        {
            var entry = source.At(i, prompt[i]);
            message.TokenLogprobs.Add(i == 0 ? new InputTokenLogProb() : new InputTokenLogProb { Value = entry.Logprob ?? 0f });
            message.TokenIds.Add((uint)prompt[i]);
            if (asked != 0)
            {
                message.TopLogprobs.Add(i == 0 ? new TopLogProbs() : Top(entry, prompt[i], asked));
            }
        }

        return message;
    }

    private static TopLogProbs Top(TokenLogprob entry, int token, int asked)
    {
        var top = new TopLogProbs();
        if (asked < 0)
        {
            return top;
        }

        top.Values.Add(entry.Logprob ?? 0f);
        top.TokenIds.Add((uint)token);
        foreach (var candidate in entry.Alternatives)
        {
            if (top.Values.Count >= asked)
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
