using Connectors.Vllm.Grpc.Protocol.Common;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing.Generation;
using Connectors.Vllm.Testing.Transport;
using Google.Protobuf;
using Generator = Connectors.Vllm.Testing.Generation.Generator;

namespace Connectors.Vllm.Testing.Protocols;

/// <summary>
/// <c>vllm.grpc.engine.VllmEngine</c>. Generate, streaming: a chunk of new ids per message, and with the last one a <c>complete</c> that repeats its
/// ids; not streaming: one <c>complete</c> per choice with everything. Emulators of real servers override the virtual members.
/// </summary>
internal class VllmEngineService(ServerState state) : RpcService
{
    public const string Service = "/vllm.grpc.engine.VllmEngine/";
    private readonly Generator _generator = new(state.Model.Tokenizer, state.Model.Stops, state.Options.DelayPerMessage);
    private readonly Lazy<byte[]> _tokenizerZip = new(() => TokenizerArchive.Zip(state.Model.SentFiles));

    public override bool AcceptsGzip => true;

    public override string GetRequestId(IMessage message) => message switch
    {
        GenerateRequest generate => generate.RequestId,
        EmbedRequest embed => embed.RequestId,
        _ => "",
    };

    protected override Dictionary<string, RpcMethod> Methods()
    {
        var methods = new Dictionary<string, RpcMethod>(StringComparer.Ordinal)
        {
            [Service + "Generate"] = new(GenerateRequest.Parser, GenerateAsync, RpcKind.Generation),
            [Service + "Embed"] = new(EmbedRequest.Parser, EmbedAsync, RpcKind.Embedding),
            [Service + "HealthCheck"] = new(HealthCheckRequest.Parser, (call, _) => call.WriteAsync(Health()).AsTask()),
            [Service + "Abort"] = new(AbortRequest.Parser, AbortAsync),
            [Service + "GetModelInfo"] = new(GetModelInfoRequest.Parser, (call, _) => call.WriteAsync(ModelInformation()).AsTask()),
            [Service + "GetServerInfo"] = new(GetServerInfoRequest.Parser, (call, _) => call.WriteAsync(ServerInformation()).AsTask()),
            [Service + "GetLoads"] = new(GetLoadsRequest.Parser, (call, _) => call.WriteAsync(Loads()).AsTask()),
            [Service + "GetTokenizer"] = new(GetTokenizerRequest.Parser, (call, _) => SendTokenizerAsync(call)),
            [Service + "FlushCache"] = new(FlushCacheRequest.Parser, (call, _) => call.WriteAsync(FlushCache()).AsTask()),
        };
        AddHealth(methods);
        return methods;
    }

    protected virtual void AddHealth(Dictionary<string, RpcMethod> methods) =>
        new HealthService(["", "vllm.grpc.engine.VllmEngine"], IsServing).AddTo(methods);

    protected virtual bool IsServing() => !state.ShuttingDown;

    protected virtual HealthCheckResponse Health() => new() { Healthy = true, Message = "Health" };

    protected virtual GetModelInfoResponse ModelInformation() => VllmEngineInformation.CreateModelInfo(state);

    protected virtual GetServerInfoResponse ServerInformation() => VllmEngineInformation.CreateServerInfo(state);

    protected virtual GetLoadsResponse Loads() => VllmEngineInformation.CreateLoads(state);

    protected virtual FlushCacheResponse FlushCache() => new() { Success = true };

    protected virtual Task SendTokenizerAsync(GrpcCall call) => TokenizerArchive.SendAsync(call, _tokenizerZip.Value);

    /// <summary>Refuses a request that the engine cannot run in its current state, before the request is read.</summary>
    protected virtual void CheckState(IMessage message)
    {
    }

    /// <summary>Checks a request's parameters and media; returns the prompt tokens that media add beyond their placeholders.</summary>
    protected virtual ValueTask<int> CheckAsync(GenerateRequest message, int[] prompt, CancellationToken cancellationToken) =>
        message.MediaRefs is not null && !state.Options.AcceptsMedia
            ? throw RpcFailure.Invalid("media_refs sent, but this server does not accept media")
            : ValueTask.FromResult(0);

    /// <summary>Adjusts the request to the engine's version.</summary>
    protected virtual GenerationRequest Adapt(GenerationRequest request) => request;

    protected virtual ScriptedReply ReplyTo(CapturedRequest captured, GenerationRequest request) => state.ReplyTo(captured, request);

    /// <summary>Prompt tokens found in the prefix cache.</summary>
    protected virtual int CountCached(GenerateRequest message, GenerationRequest request) => 0;

    protected virtual VllmEngineMessages CreateMessages(GenerateRequest message, GenerationRequest request, ScriptedReply reply, int cached) =>
        new(message.SamplingParams ?? new SamplingParams(), request, reply, cached, state.Model.VocabularySize);

    protected virtual async Task GenerateAsync(GrpcCall call, CapturedRequest captured)
    {
        var message = captured.As<GenerateRequest>();
        CheckState(message);
        var request = await ReadAsync(message, call.Cancelled).ConfigureAwait(false);
        captured.PromptIds = request.PromptIds;
        var running = state.Running.Start(message.RequestId, captured);
        state.Log.Notify(captured);
        try
        {
            var reply = ReplyTo(captured, request);
            call.Use(reply);
            var cached = CountCached(message, request);
            var messages = CreateMessages(message, request, reply, reply.CachedTokens ?? cached);
            await AnswerAsync(call, message.Stream, request, reply, running, messages).ConfigureAwait(false);
        }
        finally
        {
            state.Running.End(running);
        }
    }

    protected virtual async Task EmbedAsync(GrpcCall call, CapturedRequest captured)
    {
        var message = captured.As<EmbedRequest>();
        CheckState(message);
        if (message.Tokenized is null)
        {
            throw RpcFailure.Invalid("EmbedRequest requires tokenized input");
        }

        if (!state.Options.IsEmbeddingModel)
        {
            throw RpcFailure.Invalid("This model does not support pooling");
        }

        int[] prompt = [.. message.Tokenized.InputIds.Select(id => (int)id)];

        // A pooling model generates no output, so the prompt may fill the context.
        CheckPrompt(prompt, extraTokens: 0, room: 0);
        captured.PromptIds = prompt;
        var running = state.Running.Start(message.RequestId, captured);
        state.Log.Notify(captured);
        try
        {
            var reply = state.ScriptedReplyTo(captured);
            if (reply is not null)
            {
                call.Use(reply);
                await PauseAsync(reply, running, call.Cancelled).ConfigureAwait(false);
            }

            running.ThrowIfFailed();
            var vector = reply?.Embedding ?? DemoEmbedding.Of(prompt, state.Options.EmbeddingDimension);
            await call.WriteAsync(new EmbedResponse { Embedding = { vector }, PromptTokens = (uint)prompt.Length, EmbeddingDim = (uint)vector.Count })
                .ConfigureAwait(false);
        }
        finally
        {
            state.Running.End(running);
        }
    }

    private static async Task PauseAsync(ScriptedReply reply, RunningRequest running, CancellationToken cancellationToken)
    {
        if (reply.DelayBeforeFirstToken > TimeSpan.Zero)
        {
            await running.WaitAsync(Task.Delay(reply.DelayBeforeFirstToken, cancellationToken), cancellationToken).ConfigureAwait(false);
        }

        if (reply.Hold is { } hold)
        {
            await running.WaitAsync(hold, cancellationToken).ConfigureAwait(false);
        }
    }

    private Task AbortAsync(GrpcCall call, CapturedRequest captured)
    {
        state.Abort(captured.As<AbortRequest>().RequestIds);
        return call.WriteAsync(new AbortResponse()).AsTask();
    }

    private async Task AnswerAsync(
        GrpcCall call, bool stream, GenerationRequest request, ScriptedReply reply, RunningRequest running, VllmEngineMessages messages)
    {
        var whole = stream ? null : new List<SequenceStep>[request.Choices];
        await foreach (var step in _generator.RunAsync(request, reply, running, call.Cancelled).ConfigureAwait(false))
        {
            if (whole is not null)
            {
                (whole[step.Index] ??= []).Add(step);
                continue;
            }

            await call.WriteAsync(messages.Chunk(step)).ConfigureAwait(false);
            if (step.IsLast)
            {
                await call.WriteAsync(messages.Complete(step)).ConfigureAwait(false);
            }
        }

        foreach (var steps in whole ?? [])
        {
            await call.WriteAsync(messages.Whole(steps)).ConfigureAwait(false);
        }

        await call.FlushAsync().ConfigureAwait(false);
    }

    private async Task<GenerationRequest> ReadAsync(GenerateRequest message, CancellationToken cancellationToken)
    {
        if (state.Options.IsEmbeddingModel)
        {
            throw RpcFailure.Invalid("This model does not support generation");
        }

        var sampling = message.SamplingParams ?? new SamplingParams();
        var prompt = Prompt(message, sampling);
        var extra = await CheckAsync(message, prompt, cancellationToken).ConfigureAwait(false);
        CheckPrompt(prompt, extra, room: 1);
        var room = state.Model.ContextLength - prompt.Length - extra;
        return Adapt(new GenerationRequest
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
            Choices = Math.Max(1, (int)sampling.N),
            Constraint = VllmEngineInformation.GetConstraint(sampling),
        });
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

    /// <param name="prompt">The prompt ids.</param>
    /// <param name="extraTokens">The number of tokens added by media.</param>
    /// <param name="room">The number of tokens that must be left for the answer.</param>
    private void CheckPrompt(ReadOnlySpan<int> prompt, int extraTokens, int room)
    {
        if (prompt.IsEmpty)
        {
            throw RpcFailure.Invalid("The decoder prompt cannot be empty");
        }

        var (length, limit) = (prompt.Length + extraTokens, state.Model.ContextLength);
        const string Advice = "Make sure that `max_model_len` is no smaller than the number of text tokens";
        if (length > limit)
        {
            throw RpcFailure.Invalid($"The decoder prompt (length {length}) is longer than the maximum model length of {limit}. {Advice}.");
        }

        if (length + room > limit)
        {
            throw RpcFailure.Invalid(
                $"The decoder prompt (length {length}) plus the number of requested output tokens (at least 1) is longer than the maximum model "
                + $"length of {limit}. {Advice} (prompt + requested output tokens).");
        }

        foreach (var id in prompt)
        {
            if ((uint)id >= (uint)state.Model.VocabularySize)
            {
                throw RpcFailure.Invalid($"Token id {(uint)id} is out of vocabulary");
            }
        }
    }
}
