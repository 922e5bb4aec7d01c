using System.Text.Json;
using Connectors.Vllm.Emulator.Engine;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Grpc.Protocol.Common;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Testing.Generation;
using Connectors.Vllm.Testing.Protocols;
using Connectors.Vllm.Testing.Transport;
using Google.Protobuf;
using GenerationRequest = Connectors.Vllm.Testing.Generation.GenerationRequest;

namespace Connectors.Vllm.Emulator.VllmEngine;

/// <summary>The current and older versions of the Python servicer of the VllmEngine protocol.</summary>
internal class EmulatedVllmEngine : VllmEngineService
{
    private readonly EmulatorState _state;
    private readonly EngineMedia _media;
    private readonly TokenizerTransfer _tokenizer;
    private readonly string _namespaceId = Guid.NewGuid().ToString("D") + ":27";

    public EmulatedVllmEngine(EmulatorState state)
        : base(state)
    {
        _state = state;
        _media = new EngineMedia(state);
        _tokenizer = new TokenizerTransfer(state);
    }

    protected VllmEmulatorOptions Options => _state.Options;

    private bool IsFirst => Options.Server == EmulatedServer.VllmEngineFirst;

    private bool IsOld => Options.Server is EmulatedServer.VllmEngineFirst or EmulatedServer.VllmEngineSecond or EmulatedServer.VllmEngineThird;

    public override RpcFailure UnknownMethod(string path) => RpcFailure.Unimplemented("Method not found!");

    public override RpcFailure MalformedRequest(InvalidProtocolBufferException exception) =>
        new(RpcStatus.Unknown, "Unexpected <class 'google.protobuf.message.DecodeError'>: Error parsing message");

    protected override Dictionary<string, RpcMethod> Methods()
    {
        var methods = base.Methods();
        methods[Service + "SubscribeKvEvents"] =
            new(SubscribeKvEventsRequest.Parser, (call, _) => KvEventFeed.StreamAsync(_state.KvEvents, call));
        string[] missing = Options.Server switch
        {
            EmulatedServer.VllmEngineFirst => ["GetLoads", "GetTokenizer", "SubscribeKvEvents", "FlushCache"],
            EmulatedServer.VllmEngineSecond => ["FlushCache"],
            _ => [],
        };
        foreach (var name in missing)
        {
            methods.Remove(Service + name);
        }

        return methods;
    }

    protected override void AddHealth(Dictionary<string, RpcMethod> methods)
    {
        if (!IsFirst && Options.HealthService)
        {
            new HealthService(["", "vllm.grpc.engine.VllmEngine"], IsServing, watchStaysOpen: false).AddTo(methods);
        }
    }

    protected override bool IsServing() => base.IsServing() && !_state.EngineDead;

    protected override HealthCheckResponse Health() =>
        _state.EngineDead ? new HealthCheckResponse { Message = "Engine is not alive" } : base.Health();

    protected override GetModelInfoResponse ModelInformation()
    {
        var response = base.ModelInformation();
        response.SupportsVision = Options.AcceptsMedia || Options.SupportsVision;
        response.DefaultSamplingParamsJson = Options.DefaultSamplingParamsJson ?? response.DefaultSamplingParamsJson;
        return !IsFirst ? response : new GetModelInfoResponse
        {
            ModelPath = response.ModelPath,
            IsGeneration = response.IsGeneration,
            MaxContextLength = response.MaxContextLength,
            VocabSize = response.VocabSize,
            SupportsVision = response.SupportsVision,
        };
    }

    protected override GetServerInfoResponse ServerInformation()
    {
        if (IsFirst)
        {
            return Uptime();
        }

        var response = IsOld ? new GetServerInfoResponse() : base.ServerInformation();
        response.DataParallelSize = Options.DataParallelSize;
        response.ShmNamespaceId = _namespaceId;
        if (IsOld)
        {
            return response;
        }

        response.BlockSize = Options.BlockSize;
        response.MaxNumSeqs = Options.MaxSequences;
        if (Options.AcceptsMedia || Options.SupportsVision)
        {
            // A disabled kind is not listed.
            response.MmItemLimits = string.Join(
                ',',
                Enum.GetValues<MediaKind>().Where(kind => Options.LimitOf(kind) > 0)
                    .Select(kind => $"{MediaPlaces.NameOf(kind)}={Options.LimitOf(kind)}"));
            response.MmEncoderBudget = 2048;
        }

        return response;
    }

    /// <summary>The five fields of GetServerInfo that the first servicer reports.</summary>
    protected GetServerInfoResponse Uptime() => new()
    {
        ActiveRequests = (uint)_state.Running.Count,
        LastReceiveTimestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0,
        UptimeSeconds = (DateTimeOffset.UtcNow - _state.StartedAt).TotalSeconds,
        ServerType = "vllm-grpc",
    };

    protected override GetLoadsResponse Loads()
    {
        var response = base.Loads();
        response.Version = Options.EngineVersion;
        var load = response.Loads[0];
        load.MaxRunningRequests = IsOld ? 0 : Options.MaxSequences;
        load.MaxTotalNumTokens = IsOld ? 0 : load.MaxTotalNumTokens;
        return response;
    }

    protected override FlushCacheResponse FlushCache()
    {
        _state.Prefixes.Clear();
        return base.FlushCache();
    }

    protected override Task SendTokenizerAsync(GrpcCall call) => _tokenizer.SendAsync(call);

    protected override void CheckState(IMessage message)
    {
        if (_state.EngineDead)
        {
            throw RpcFailure.Internal(EmulatorState.EngineDeathText);
        }

        if (message is EmbedRequest && IsFirst)
        {
            throw RpcFailure.Unimplemented("Embed RPC not yet implemented");
        }

        if (message is GenerateRequest generate)
        {
            CheckTransfer(generate);
        }
    }

    protected override async ValueTask<int> CheckAsync(GenerateRequest message, int[] prompt, CancellationToken cancellationToken)
    {
        var sampling = message.SamplingParams ?? new SamplingParams();
        SamplingRules.Check(sampling, _state.Model.VocabularySize, Options.MaxLogProbs);
        ConstraintRules.Check(sampling);
        return await _media.ExtraTokensAsync(message, prompt, cancellationToken).ConfigureAwait(false);
    }

    protected override GenerationRequest Adapt(GenerationRequest request) => request with
    {
        Choices = IsFirst ? 1 : request.Choices,
        KeepsIdsAfterStop = IsOld,
    };

    protected override ScriptedReply ReplyTo(CapturedRequest captured, GenerationRequest request) =>
        ConstraintRules.FailsLate(request.Constraint) || !_state.Compiler.Takes(request.Constraint)
            ? new ScriptedReply { Ids = [], EndWithEos = false, FinishReason = "error" }
            : _state.LineBreaksUnder(request) ?? base.ReplyTo(captured, request);

    protected override int CountCached(GenerateRequest message, GenerationRequest request)
    {
        var stored = _state.KvEvents.HasSubscribers ? new KvBlocksStored() : null;
        var cached = _state.Prefixes.Visit(request.PromptIds, "", message.SamplingParams is not { HasPromptLogprobs: true }, stored);
        if (stored is { Blocks.Count: > 0 })
        {
            _state.KvEvents.Publish(stored);
        }

        return cached;
    }

    protected override VllmEngineMessages CreateMessages(GenerateRequest message, GenerationRequest request, ScriptedReply reply, int cached) =>
        IsFirst
            ? new FirstMessages(message.SamplingParams ?? new SamplingParams(), request, reply, cached, _state.Model.VocabularySize)
            : base.CreateMessages(message, request, reply, cached);

    protected override async Task GenerateAsync(GrpcCall call, CapturedRequest captured)
    {
        _state.Enter();
        try
        {
            await base.GenerateAsync(call, captured).ConfigureAwait(false);
        }
        catch (RpcFailure failure) when (failure.Status == RpcStatus.InvalidArgument && Options.ReportsErrorsAsInternal)
        {
            throw RpcFailure.Internal(failure.Message);
        }
        finally
        {
            _state.Leave();
        }
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

        if (message.HasDataParallelRank && (message.DataParallelRank < 0 || message.DataParallelRank >= Options.DataParallelSize))
        {
            throw RpcFailure.Invalid($"data_parallel_rank {message.DataParallelRank} is out of range [0, {Options.DataParallelSize}).");
        }
    }

    /// <summary>The first servicer's messages, with ids and counts only.</summary>
    private sealed class FirstMessages(SamplingParams sampling, GenerationRequest request, ScriptedReply reply, int cached, int vocabulary)
        : VllmEngineMessages(sampling, request, reply, cached, vocabulary)
    {
        public override GenerateResponse Chunk(SequenceStep step) => Plain(base.Chunk(step));

        public override GenerateResponse Complete(SequenceStep step) => Plain(base.Complete(step));

        public override GenerateResponse Whole(IReadOnlyList<SequenceStep> steps) => Plain(base.Whole(steps));

        private static GenerateResponse Plain(GenerateResponse response)
        {
            if (response.Chunk is { } chunk)
            {
                (chunk.Index, chunk.OutputLogprobs, chunk.InputLogprobs) = (0, null, null);
            }

            if (response.Complete is { } complete)
            {
                (complete.Index, complete.OutputLogprobs, complete.InputLogprobs) = (0, null, null);
                complete.ClearMatchedStop();
            }

            return response;
        }
    }
}
