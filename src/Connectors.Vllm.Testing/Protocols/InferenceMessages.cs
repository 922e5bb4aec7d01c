using Connectors.Vllm.Grpc.Protocol.Inference;
using Connectors.Vllm.Testing.Generation;
using TokenLogprob = Connectors.Vllm.Grpc.TokenLogprob;

namespace Connectors.Vllm.Testing.Protocols;

/// <summary>Turns generation steps into response messages of the Inference protocol.</summary>
internal sealed class InferenceMessages
{
    private readonly ResponseOptions _options;
    private readonly GenerationRequest _request;
    private readonly int _cached;
    private readonly LogprobSource _outputs;
    private readonly LogprobSource _prompt;

    public InferenceMessages(GenerateRequest message, GenerationRequest request, ScriptedReply reply, int cached, int vocabulary)
    {
        _options = message.Response ?? new ResponseOptions();
        _request = request;
        _cached = cached;
        _outputs = new LogprobSource(reply.Logprobs, vocabulary);
        _prompt = new LogprobSource(reply.PromptLogprobs, vocabulary);
    }

    public GenerateResponse Prompt()
    {
        var info = new PromptInfo { NumPromptTokens = (uint)_request.PromptTokens };
        var ids = _request.PromptIds;
        if (_options.PromptTokenIds)
        {
            info.TokenIds.Add(ids.Select(id => (uint)id));
        }

        for (var i = 0; i < ids.Length && _options.PromptLogprobs; i++)
        {
            var entry = _prompt.At(i, ids[i]);

            // The first token has no log probability; the server fills in zeros.
            info.Logprobs.Add(i == 0 ? 0f : entry.Logprob ?? 0f);
            info.Ranks.Add(i == 0 ? 0u : (uint)(entry.Rank ?? 0));
            info.CandidateTokens.Add(i == 0 ? new CandidateTokenInfo() : Candidates(entry, _options.PromptCandidates));
        }

        return new GenerateResponse { PromptInfo = info };
    }

    public GenerateResponse Delta(SequenceStep step) => new() { Outputs = Output(step, step.Text, step.Offset + step.Ids.Count) };

    public GenerateResponse Whole(IReadOnlyList<SequenceStep> steps)
    {
        int[] ids = [.. steps.SelectMany(step => step.Ids)];
        var all = steps[^1] with { Offset = 0, Ids = ids };
        var response = Prompt();
        response.Outputs = Output(all, string.Concat(steps.Select(step => step.Text)), ids.Length);
        return response;
    }

    private SequenceOutput Output(SequenceStep step, string text, int total)
    {
        var output = new SequenceOutput
        {
            NumTokens = (uint)step.Ids.Count,
            Text = _options is { HasOutputText: true, OutputText: false } ? "" : text,
            FinishInfo = step.IsLast ? Finish(step, total) : null,
        };
        for (var i = 0; i < step.Ids.Count; i++)
        {
            var id = step.Ids[i];
            if (_options.OutputTokenIds)
            {
                output.TokenIds.Add((uint)id);
            }

            if (_options.OutputLogprobs)
            {
                var entry = _outputs.At(step.Offset + i, id);
                output.Logprobs.Add(entry.Logprob ?? 0f);
                output.Ranks.Add((uint)(entry.Rank ?? 0));
                output.CandidateTokens.Add(Candidates(entry, _options.OutputCandidates));
            }
        }

        return output;
    }

    private FinishInfo Finish(SequenceStep step, int total)
    {
        var finish = new FinishInfo
        {
            NumOutputTokens = (uint)total,
            FinishReason = step.Finish switch
            {
                FinishKind.Length => FinishInfo.Types.FinishReason.Length,
                FinishKind.Abort or FinishKind.Repetition => FinishInfo.Types.FinishReason.Aborted,
                _ => FinishInfo.Types.FinishReason.Stop,
            },
            NumCachedTokens = (uint)_cached,
        };
        switch (step.Finish)
        {
            case FinishKind.Eos:
                finish.EosTokenId = (uint)step.FinishToken;
                break;
            case FinishKind.StopToken:
                finish.StopTokenId = (uint)step.FinishToken;
                break;
            case FinishKind.StopString:
                finish.StopString = step.FinishString;
                break;
        }

        return finish;
    }

    private static CandidateTokenInfo Candidates(TokenLogprob entry, CandidateTokens? requested)
    {
        var info = new CandidateTokenInfo();
        var chosen = requested?.SelectCase switch
        {
            CandidateTokens.SelectOneofCase.TopN => entry.Alternatives.Take((int)requested.TopN),
            CandidateTokens.SelectOneofCase.All when requested.All => entry.Alternatives,
            CandidateTokens.SelectOneofCase.TokenIds => requested.TokenIds.Ids.Select(id => LogprobSource.Of(entry, (int)id)),
            _ => [],
        };
        foreach (var candidate in chosen)
        {
            info.Tokens.Add(new TokenInfo { Id = (uint)candidate.TokenId, Logprob = candidate.Logprob ?? 0f, Rank = (uint)(candidate.Rank ?? 0) });
        }

        return info;
    }
}
