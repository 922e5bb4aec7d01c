using System.Globalization;
using Connectors.Vllm.Grpc.Protocol.Inference;
using Connectors.Vllm.Testing.Generation;
using Connectors.Vllm.Testing.Transport;
using Google.Protobuf;
using Generator = Connectors.Vllm.Testing.Generation.Generator;

namespace Connectors.Vllm.Testing.Protocols;

/// <summary>
/// <c>vllm.Inference</c> and <c>vllm.Control</c>, or the older <c>vllm.Generate</c> without Control. A stream consists of a message with information
/// about the prompt and then deltas, the last with <c>finish_info</c>; nothing is repeated. Without streaming, one message contains everything.
/// Emulators of real servers override the virtual members.
/// </summary>
internal class InferenceService(ServerState state, bool isLegacy) : RpcService
{
    private const int MaxRequestBytes = 33_554_432;
    private readonly Generator _generator = new(state.Model.Tokenizer, state.Model.Stops, state.Options.DelayPerMessage);

    public override RpcFailure MalformedRequest(InvalidProtocolBufferException exception) =>
        RpcFailure.Internal($"failed to decode Protobuf message: {exception.Message}");

    public override string GetRequestId(IMessage message) => message is GenerateRequest generate ? generate.RequestId : "";

    protected override Dictionary<string, RpcMethod> Methods()
    {
        var service = isLegacy ? "vllm.Generate" : "vllm.Inference";
        var methods = new Dictionary<string, RpcMethod>(StringComparer.Ordinal)
        {
            [$"/{service}/Generate"] =
                new(GenerateRequest.Parser, (call, captured) => GenerateAsync(call, captured, stream: false), RpcKind.Generation, MaxRequestBytes),
            [$"/{service}/GenerateStream"] =
                new(GenerateRequest.Parser, (call, captured) => GenerateAsync(call, captured, stream: true), RpcKind.Generation, MaxRequestBytes),
        };
        var served = new List<string> { "", service };
        if (!isLegacy)
        {
            AddControl(methods, served);
        }

        AddHealth(methods, served);
        return methods;
    }

    protected virtual void AddControl(Dictionary<string, RpcMethod> methods, List<string> served)
    {
        new ControlService(state).AddTo(methods);
        served.Add("vllm.Control");
    }

    protected virtual void AddHealth(Dictionary<string, RpcMethod> methods, List<string> served) =>
        new HealthService(served, IsServing).AddTo(methods);

    protected virtual bool IsServing() => !state.ShuttingDown;

    /// <summary>Validates a request before its prompt is read.</summary>
    protected virtual void Check(GrpcCall call, GenerateRequest message)
    {
        if (message.Model.Length > 0 && message.Model != state.Model.ServedName)
        {
            throw RpcFailure.NotFound($"model `{message.Model}` not found");
        }
    }

    /// <summary>Checks media; returns the prompt tokens that they add beyond their placeholders.</summary>
    protected virtual ValueTask<int> CheckMediaAsync(GenerateRequest message, int[] prompt, CancellationToken cancellationToken) =>
        message.Media.Count > 0 && !state.Options.AcceptsMedia
            ? throw RpcFailure.Invalid("multimodal input is not supported by this chat renderer")
            : ValueTask.FromResult(0);

    /// <summary>Called when the request runs.</summary>
    protected virtual void CheckPrompt(ReadOnlySpan<int> prompt)
    {
    }

    protected virtual ScriptedReply ReplyTo(CapturedRequest captured, GenerationRequest request) => state.ReplyTo(captured, request);

    /// <summary>Prompt tokens found in the prefix cache.</summary>
    protected virtual int CountCached(GenerateRequest message, GenerationRequest request) => 0;

    protected async Task GenerateAsync(GrpcCall call, CapturedRequest captured, bool stream)
    {
        var message = captured.As<GenerateRequest>();
        var request = await ReadAsync(call, message).ConfigureAwait(false);
        captured.PromptIds = request.PromptIds;
        var running = state.Running.Start(message.RequestId, captured);
        state.Log.Notify(captured);
        try
        {
            CheckPrompt(request.PromptIds);
            var reply = ReplyTo(captured, request);
            call.Use(reply);
            var cached = CountCached(message, request);
            var messages = new InferenceMessages(message, request, reply, reply.CachedTokens ?? cached, state.Model.VocabularySize);
            await AnswerAsync(call, request, reply, running, messages, stream).ConfigureAwait(false);
        }
        finally
        {
            state.Running.End(running);
        }
    }

    private async Task AnswerAsync(
        GrpcCall call, GenerationRequest request, ScriptedReply reply, RunningRequest running, InferenceMessages messages, bool stream)
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
                await call.WriteAsync(messages.Prompt()).ConfigureAwait(false);
            }

            await call.WriteAsync(messages.Delta(step)).ConfigureAwait(false);
        }

        if (!stream)
        {
            await call.WriteAsync(messages.Whole(steps)).ConfigureAwait(false);
        }

        await call.FlushAsync().ConfigureAwait(false);
    }

    private async Task<GenerationRequest> ReadAsync(GrpcCall call, GenerateRequest message)
    {
        if (message.PromptCase == GenerateRequest.PromptOneofCase.None)
        {
            throw RpcFailure.Invalid("prompt is required");
        }

        Check(call, message);
        var model = state.Model;
        var prompt = Prompt(message);
        if (prompt.Length == 0)
        {
            throw RpcFailure.Invalid($"text request `{message.RequestId}` must contain at least one prompt token ID");
        }

        var length = prompt.Length + await CheckMediaAsync(message, prompt, call.Cancelled).ConfigureAwait(false);
        if (length >= model.ContextLength)
        {
            throw RpcFailure.Invalid(
                $"this model's maximum context length is {model.ContextLength} tokens, but the prompt contains {length} input tokens");
        }

        var stopping = message.Stopping ?? new StoppingCriteria();
        var room = model.ContextLength - length;
        var requested = stopping.MaxNewTokens > 0 ? (int)Math.Min(stopping.MaxNewTokens, int.MaxValue) : model.MaxNewTokens ?? room;
        return new GenerationRequest
        {
            RequestId = message.RequestId,
            PromptIds = prompt,
            PromptTokens = length,
            MaxTokens = Math.Min(requested, room),
            MinTokens = (int)stopping.MinNewTokens,
            IgnoreEos = stopping.IgnoreEos,
            StopTokenIds = [.. stopping.StopTokenIds.Select(id => (int)id)],
            StopStrings = [.. stopping.StopStrings],
            IncludeStop = stopping.IncludeStopStrings,
            SkipSpecialTokens = message.Response is not { HasSkipSpecialTokens: true, SkipSpecialTokens: false },
            NeedsText = message.Response is not { HasOutputText: true, OutputText: false },
            Constraint = GetConstraint(message.Decoding),
        };
    }

    private static Constraint? GetConstraint(DecodingParameters? decoding) => decoding?.StructuredOutputCase switch
    {
        DecodingParameters.StructuredOutputOneofCase.Json => new Constraint(ConstraintKind.JsonSchema, decoding.Json, []),
        DecodingParameters.StructuredOutputOneofCase.Regex => new Constraint(ConstraintKind.Regex, decoding.Regex, []),
        DecodingParameters.StructuredOutputOneofCase.Choice => new Constraint(ConstraintKind.Choice, "", [.. decoding.Choice.Choices]),
        DecodingParameters.StructuredOutputOneofCase.Grammar => new Constraint(ConstraintKind.Grammar, decoding.Grammar, []),
        DecodingParameters.StructuredOutputOneofCase.JsonObject when decoding.JsonObject => new Constraint(ConstraintKind.JsonObject, "", []),
        DecodingParameters.StructuredOutputOneofCase.StructuralTag => new Constraint(ConstraintKind.StructuralTag, decoding.StructuralTag, []),
        _ => null,
    };

    private int[] Prompt(GenerateRequest message)
    {
        var ids = message.PromptCase == GenerateRequest.PromptOneofCase.TokenIds
            ? [.. message.TokenIds.Ids.Select(id => (int)id)]
            : message.Text.Length == 0 ? [] : state.Model.Tokenizer.Encode(message.Text, addSpecialTokens: true);
        var limit = message.TruncatePromptTokens;
        return limit > 0 && limit < ids.Length ? ids[^(int)limit..] : ids;
    }
}

/// <summary>The methods of <c>vllm.Control</c> that clients of a model call; its administrative methods are not served.</summary>
internal class ControlService(ServerState state)
{
    protected const string Service = "/vllm.Control/";
    private readonly string _instance = Random.Shared.NextInt64(1_000_000_000_000_000_000, long.MaxValue).ToString(CultureInfo.InvariantCulture);

    public virtual void AddTo(Dictionary<string, RpcMethod> methods)
    {
        methods[Service + "GetServerInfo"] = new(GetServerInfoRequest.Parser, (call, _) => call.WriteAsync(ServerInformation()).AsTask());
        methods[Service + "GetModelInfo"] = new(GetModelInfoRequest.Parser, (call, _) => call.WriteAsync(ModelInformation()).AsTask());
        methods[Service + "Abort"] = new(AbortRequest.Parser, AbortAsync);
        methods[Service + "GetKvEventSources"] =
            new(GetKvEventSourcesRequest.Parser, (call, _) => call.WriteAsync(new GetKvEventSourcesResponse()).AsTask());
    }

    protected virtual ServerInfo ServerInformation() => new()
    {
        EngineVersion = "0.32.0",
        ApiVersion = "vllm",
        InstanceId = _instance,
        Parallelism = new ParallelismInfo
        {
            TensorParallelSize = 1,
            PipelineParallelSize = 1,
            DataParallelSize = 1,
            DecodeContextParallelSize = 1,
            WorldSize = 1,
            DataParallelSizeLocal = 1,
        },
        MaxModelLen = (uint)state.Model.ContextLength,
        KvBlockSize = 16,
        TotalKvBlocks = 364,
        MaxRunningRequests = 256,
        MaxBatchedTokens = 2048,
        RlCapabilities = new RlCapabilities(),
        EffectiveAttentionBlockSize = 16,
    };

    protected virtual ModelInfo ModelInformation() => new()
    {
        ModelId = state.Model.Path,
        ServedModelName = state.Model.ServedName,
        SupportsTextInput = true,
        SupportsTokenIdsInput = true,
        SupportsMultimodal = state.Options.AcceptsMedia,
        ReasoningParser = state.Options.ReasoningParser,
        ToolCallParser = state.Options.ToolCallParser,
    };

    private Task AbortAsync(GrpcCall call, CapturedRequest captured)
    {
        state.Abort(captured.As<AbortRequest>().RequestIds);
        return call.WriteAsync(new AbortResponse()).AsTask();
    }
}
