using System.Globalization;
using Connectors.Vllm.Grpc.Protocol.Inference;
using Connectors.Vllm.Testing.Engine;
using Connectors.Vllm.Testing.Model;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.FamilyB;

/// <summary>
/// Family B's Generate and GenerateStream. Stream: a message with the prompt's facts alone, then deltas, the last with <c>finish_info</c>; nothing is repeated.
/// Whole: one message with everything.
/// </summary>
internal sealed class InferenceCalls(ServerState state)
{
    private readonly Generator _generator = new(state);
    private readonly InferenceMedia _media = new(state);

    public Task StreamAsync(GrpcCall call, CapturedRequest captured) => RunAsync(call, captured, stream: true);

    public Task WholeAsync(GrpcCall call, CapturedRequest captured) => RunAsync(call, captured, stream: false);

    private async Task RunAsync(GrpcCall call, CapturedRequest captured, bool stream)
    {
        var message = captured.As<GenerateRequest>();
        var request = await ReadAsync(call, message).ConfigureAwait(false);
        captured.PromptIds = request.PromptIds;
        var running = state.Running.Start(message.RequestId, captured);
        state.Log.Announce(captured);
        try
        {
            RequireVocabulary(request.PromptIds);
            var reply = ReplyFor(captured, request);
            call.Use(reply);
            var cached = state.Prefixes.Visit(
                request.PromptIds, message.Kv?.CacheSalt ?? "", message.Kv is not { BypassPrefixCache: true } && message.Response is not { PromptLogprobs: true });
            var writer = new InferenceMessages(message, request, reply, reply.CachedTokens ?? cached, state.Model.VocabularySize);
            await AnswerAsync(call, request, reply, running, writer, stream).ConfigureAwait(false);
        }
        finally
        {
            state.Running.End(running);
        }
    }

    private async Task AnswerAsync(
        GrpcCall call, GenerationRequest request, ScriptedReply reply, RunningRequest running, InferenceMessages writer, bool stream)
    {
        var steps = new List<SequenceStep>();
        var isFirst = true;
        await foreach (var step in _generator.RunAsync(request, reply, running, call.Cancelled).ConfigureAwait(false))
        {
            if (step.Finish == FinishKind.Error)
            {
                throw RpcFailure.Internal("engine failed during generation");
            }

            if (!stream)
            {
                steps.Add(step);
                continue;
            }

            if (isFirst)
            {
                isFirst = false;
                await call.WriteAsync(writer.Prompt()).ConfigureAwait(false);
            }

            await call.WriteAsync(writer.Delta(step)).ConfigureAwait(false);
        }

        if (!stream)
        {
            await call.WriteAsync(writer.Whole(steps)).ConfigureAwait(false);
        }

        await call.FlushAsync().ConfigureAwait(false);
    }

    private ScriptedReply ReplyFor(CapturedRequest captured, GenerationRequest request)
    {
        if (InferenceRules.FailsLoudly(request.Constraint))
        {
            throw RpcFailure.Internal("engine failed during generation");
        }

        // A constraint that does not compile is only logged by the server; the client sees success and a lone end-of-sequence id.
        return InferenceRules.FailsSilently(request.Constraint)
            ? new ScriptedReply { Ids = [] }
            : state.Script.Take(captured) ?? DemoModel.Answer(state, request);
    }

    private async Task<GenerationRequest> ReadAsync(GrpcCall call, GenerateRequest message)
    {
        if (state.EngineDead)
        {
            throw RpcFailure.Internal(EngineDeath.InferenceText);
        }

        var requestId = message.RequestId.Length > 0 ? message.RequestId : Guid.NewGuid().ToString();
        CheckRank(call);
        if (message.PromptCase == GenerateRequest.PromptOneofCase.None)
        {
            throw RpcFailure.Invalid("prompt is required");
        }

        if (message.Model.Length > 0 && message.Model != state.Model.ServedName && !state.Options.ServedModelAliases.Contains(message.Model))
        {
            throw RpcFailure.NotFound($"model `{message.Model}` not found");
        }

        if (message.LoraName.Length > 0)
        {
            state.Loras.Require(message.LoraName);
        }

        var model = state.Model;
        InferenceRules.Check(message, requestId, model.VocabularySize, state.Options.MaxLogProbs);
        var constraint = InferenceRules.Constraint(message.Decoding);
        var prompt = Prompt(message);
        if (prompt.Length == 0)
        {
            throw RpcFailure.Invalid($"text request `{requestId}` must contain at least one prompt token ID");
        }

        var length = prompt.Length + await _media.ExtraTokensAsync(message, prompt, call.Cancelled).ConfigureAwait(false);
        if (length >= model.ContextLength)
        {
            throw RpcFailure.Invalid($"this model's maximum context length is {model.ContextLength} tokens, but the prompt contains {length} input tokens");
        }

        var stopping = message.Stopping ?? new StoppingCriteria();
        var room = model.ContextLength - length;
        var asked = stopping.MaxNewTokens > 0 ? (int)Math.Min(stopping.MaxNewTokens, int.MaxValue) : model.MaxNewTokens ?? room;
        return new GenerationRequest
        {
            RequestId = message.RequestId,
            PromptIds = prompt,
            PromptTokens = length,
            MaxTokens = Math.Min(asked, room),
            MinTokens = (int)stopping.MinNewTokens,
            IgnoreEos = stopping.IgnoreEos,
            StopTokenIds = [.. stopping.StopTokenIds.Select(id => (int)id)],
            StopStrings = [.. stopping.StopStrings],
            IncludeStop = stopping.IncludeStopStrings,
            SkipSpecialTokens = message.Response is not { HasSkipSpecialTokens: true, SkipSpecialTokens: false },
            NeedsText = message.Response is not { HasOutputText: true, OutputText: false },
            Constraint = constraint,
        };
    }

    private int[] Prompt(GenerateRequest message)
    {
        var ids = message.PromptCase == GenerateRequest.PromptOneofCase.TokenIds
            ? [.. message.TokenIds.Ids.Select(id => (int)id)]
            : message.Text.Length == 0 ? [] : state.Model.Tokenizer.Encode(message.Text, addSpecialTokens: true);
        var limit = message.TruncatePromptTokens;
        return limit > 0 && limit < ids.Length ? ids[^(int)limit..] : ids;
    }

    // The real front end passes such an id on, and the engine dies of it.
    private void RequireVocabulary(ReadOnlySpan<int> prompt)
    {
        foreach (var id in prompt)
        {
            if ((uint)id >= (uint)state.Model.VocabularySize)
            {
                state.EngineDead = true;
                state.Running.FailAll(RpcFailure.Internal(EngineDeath.InferenceText));
                throw RpcFailure.Internal(EngineDeath.InferenceText);
            }
        }
    }

    private void CheckRank(GrpcCall call)
    {
        var rank = call.Metadata["x-data-parallel-rank"].ToString();
        if (rank.Length == 0)
        {
            return;
        }

        if (!uint.TryParse(rank, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            throw RpcFailure.Invalid("x-data-parallel-rank metadata must be an unsigned 32-bit integer");
        }

        if (number >= state.Options.DataParallelSize)
        {
            throw RpcFailure.Invalid($"data parallel rank {number} is not connected; connected ranks: [{string.Join(", ", Enumerable.Range(0, state.Options.DataParallelSize))}]");
        }
    }
}
