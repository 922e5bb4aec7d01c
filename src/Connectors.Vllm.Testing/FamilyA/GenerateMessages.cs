using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing.Engine;

namespace Connectors.Vllm.Testing.FamilyA;

/// <summary>Turns generation steps into family A's response messages.</summary>
internal sealed class GenerateMessages
{
    private readonly SamplingParams _sampling;
    private readonly GenerationRequest _request;
    private readonly uint _cached;
    private readonly bool _isFirstAge;
    private readonly LogProbSource[] _outputs;
    private readonly LogProbSource _input;
    private readonly bool[] _begun;

    public GenerateMessages(SamplingParams sampling, GenerationRequest request, ScriptedReply reply, int cached, VllmServerAge age, int vocabulary)
    {
        _sampling = sampling;
        _request = request;
        _cached = (uint)cached;
        _isFirstAge = age == VllmServerAge.A0;
        _outputs = new LogProbSource[request.Choices];
        for (var i = 0; i < _outputs.Length; i++)
        {
            var choice = i > 0 && reply.Alternatives is { } others && i <= others.Count ? others[i - 1] : reply;
            _outputs[i] = new LogProbSource(choice.LogProbs, vocabulary);
        }

        _input = new LogProbSource(reply.PromptLogProbs, vocabulary);
        _begun = new bool[request.Choices];
    }

    public GenerateResponse Chunk(SequenceStep step)
    {
        var chunk = new GenerateStreamChunk
        {
            PromptTokens = (uint)_request.PromptTokens,
            CompletionTokens = (uint)step.Ids.Count,
            CachedTokens = _cached,
        };
        Add(chunk.TokenIds, step.Ids);
        if (!_isFirstAge)
        {
            chunk.Index = (uint)step.Index;
            chunk.OutputLogprobs = Output(step);
            chunk.InputLogprobs = _begun[step.Index] ? null : Input();
            _begun[step.Index] = true;
        }

        return new GenerateResponse { Chunk = chunk };
    }

    /// <summary>The end of a streamed choice: the last delta once more.</summary>
    public GenerateResponse Complete(SequenceStep step) => Complete(step, step.Offset == 0);

    /// <summary>A choice that was not streamed: all ids at once.</summary>
    public GenerateResponse Whole(IReadOnlyList<SequenceStep> steps)
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
        if (_isFirstAge)
        {
            return new GenerateResponse { Complete = complete };
        }

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

    private static void Add(Google.Protobuf.Collections.RepeatedField<uint> target, IReadOnlyList<int> ids)
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
