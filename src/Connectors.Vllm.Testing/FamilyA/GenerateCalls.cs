using System.Text.Json;
using Connectors.Vllm.Grpc.Protocol.Common;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing.Engine;
using Connectors.Vllm.Testing.Model;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.FamilyA;

/// <summary>
/// Family A's Generate. Streaming: a chunk of new ids per message, and with the last one a <c>complete</c> that repeats its ids. Not streaming: one
/// <c>complete</c> per choice with everything.
/// </summary>
internal sealed class GenerateCalls(ServerState state)
{
    private readonly Generator _generator = new(state);
    private readonly MediaRules _media = new(state);

    private VllmServerAge Age => state.Options.EffectiveAge;

    public async Task HandleAsync(GrpcCall call, CapturedRequest captured)
    {
        try
        {
            await GenerateAsync(call, captured).ConfigureAwait(false);
        }
        catch (RpcFailure failure) when (failure.Status == RpcStatus.InvalidArgument && state.Options.ReportsErrorsAsInternal)
        {
            throw RpcFailure.Internal(failure.Message);
        }
    }

    private async Task GenerateAsync(GrpcCall call, CapturedRequest captured)
    {
        var message = captured.As<GenerateRequest>();
        PromptRules.RequireEngine(state);
        CheckTransfer(message);
        var sampling = message.SamplingParams ?? new SamplingParams();
        var request = await ReadAsync(message, sampling, call.Cancelled).ConfigureAwait(false);
        captured.PromptIds = request.PromptIds;
        var running = state.Running.Start(message.RequestId, captured);
        state.Log.Announce(captured);
        try
        {
            var reply = ReplyFor(captured, request);
            call.Use(reply);
            var stored = state.KvEvents.HasSubscribers ? new KvBlocksStored() : null;
            var cached = state.Prefixes.Visit(request.PromptIds, "", !sampling.HasPromptLogprobs, stored);
            if (stored is { Blocks.Count: > 0 })
            {
                state.KvEvents.Publish(stored);
            }

            var writer = new GenerateMessages(sampling, request, reply, reply.CachedTokens ?? cached, Age, state.Model.VocabularySize);
            await AnswerAsync(call, message, request, reply, running, writer).ConfigureAwait(false);
        }
        finally
        {
            state.Running.End(running);
        }
    }

    private async Task AnswerAsync(
        GrpcCall call, GenerateRequest message, GenerationRequest request, ScriptedReply reply, RunningRequest running, GenerateMessages writer)
    {
        var whole = message.Stream ? null : new List<SequenceStep>[request.Choices];
        await foreach (var step in _generator.RunAsync(request, reply, running, call.Cancelled).ConfigureAwait(false))
        {
            if (whole is not null)
            {
                (whole[step.Index] ??= []).Add(step);
                continue;
            }

            await call.WriteAsync(writer.Chunk(step)).ConfigureAwait(false);
            if (step.IsLast)
            {
                await call.WriteAsync(writer.Complete(step)).ConfigureAwait(false);
            }
        }

        foreach (var steps in whole ?? [])
        {
            await call.WriteAsync(writer.Whole(steps)).ConfigureAwait(false);
        }

        await call.FlushAsync().ConfigureAwait(false);
    }

    private ScriptedReply ReplyFor(CapturedRequest captured, GenerationRequest request)
    {
        if (ConstraintRules.FailsLate(request.Constraint))
        {
            return new ScriptedReply { Ids = [], FinishReason = "error" };
        }

        return state.Script.Take(captured) ?? DemoModel.Answer(state, request);
    }

    private async Task<GenerationRequest> ReadAsync(GenerateRequest message, SamplingParams sampling, CancellationToken cancellationToken)
    {
        var model = state.Model;
        if (state.Options.IsEmbeddingModel)
        {
            throw RpcFailure.Invalid("This model does not support generation");
        }

        SamplingRules.Check(sampling, model.VocabularySize, state.Options.MaxLogProbs);
        var constraint = ConstraintRules.Read(sampling);
        var prompt = Prompt(message, sampling);
        var extra = await _media.ExtraTokensAsync(message, prompt, cancellationToken).ConfigureAwait(false);
        PromptRules.Check(prompt, model.VocabularySize, model.ContextLength, extra);
        var room = model.ContextLength - prompt.Length - extra;
        return new GenerationRequest
        {
            RequestId = message.RequestId,
            PromptIds = prompt,
            PromptTokens = prompt.Length + extra,
            MaxTokens = sampling.HasMaxTokens ? (int)Math.Min(sampling.MaxTokens, (uint)room) : room,
            MinTokens = (int)sampling.MinTokens,
            IgnoreEos = sampling.IgnoreEos,
            StopTokenIds = [.. sampling.StopTokenIds.Select(id => (int)id)],
            StopStrings = [.. sampling.Stop],
            IncludeStop = sampling.IncludeStopStrInOutput,
            SkipSpecialTokens = sampling.SkipSpecialTokens,
            Choices = Age == VllmServerAge.A0 ? 1 : Math.Max(1, (int)sampling.N),
            Constraint = constraint,
            KeepsIdsBehindStop = Age < VllmServerAge.A3,
        };
    }

    private int[] Prompt(GenerateRequest message, SamplingParams sampling)
    {
        if (message.InputCase == GenerateRequest.InputOneofCase.Tokenized)
        {
            return [.. message.Tokenized.InputIds.Select(id => (int)id)];
        }

        var ids = message.Text.Length == 0 ? [] : state.Model.Tokenizer.Encode(message.Text, addSpecialTokens: true);
        return sampling.HasTruncatePromptTokens && sampling.TruncatePromptTokens > 0 && sampling.TruncatePromptTokens < ids.Length
            ? ids[^sampling.TruncatePromptTokens..]
            : ids;
    }

    private void CheckTransfer(GenerateRequest message)
    {
        if (message.HasKvTransferParamsJson)
        {
            try
            {
                using var json = JsonDocument.Parse(message.KvTransferParamsJson);
                if (json.RootElement.ValueKind != JsonValueKind.Object)
                {
                    throw RpcFailure.Invalid("kv_transfer_params_json must be a JSON object");
                }
            }
            catch (JsonException exception)
            {
                throw RpcFailure.Invalid($"Invalid kv_transfer_params_json: {exception.Message}");
            }
        }

        if (message.HasDataParallelRank && (message.DataParallelRank < 0 || message.DataParallelRank >= state.Options.DataParallelSize))
        {
            throw RpcFailure.Invalid($"data_parallel_rank {message.DataParallelRank} is out of range [0, {state.Options.DataParallelSize}).");
        }
    }
}
