using System.Globalization;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Grpc.Protocol.Common;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing.Engine;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.FamilyA;

/// <summary>The unary calls of family A that tell about the server, and Abort.</summary>
internal sealed class InfoCalls(ServerState state)
{
    private readonly string _namespaceId = Guid.NewGuid().ToString("D", CultureInfo.InvariantCulture) + ":27";

    private VllmTestServerOptions Options => state.Options;

    public Task HealthCheckAsync(GrpcCall call, CapturedRequest captured) => call.WriteAsync(new HealthCheckResponse
    {
        Healthy = !state.EngineDead,
        Message = state.EngineDead ? "Engine is not alive" : "Health",
    }).AsTask();

    public Task AbortAsync(GrpcCall call, CapturedRequest captured)
    {
        foreach (var running in state.Running.Abort(captured.As<AbortRequest>().RequestIds))
        {
            state.Log.CountAborted(running.Captured);
        }

        return call.WriteAsync(new AbortResponse()).AsTask();
    }

    public Task GetModelInfoAsync(GrpcCall call, CapturedRequest captured)
    {
        var model = state.Model;
        var response = new GetModelInfoResponse
        {
            ModelPath = model.Path,
            IsGeneration = !Options.IsEmbeddingModel,
            MaxContextLength = (uint)model.ContextLength,
            VocabSize = (uint)model.VocabularySize,
            SupportsVision = Options.AcceptsMedia || Options.SupportsVision,
        };
        if (Options.EffectiveAge >= VllmServerAge.A1)
        {
            response.ServedModelName = model.ServedName;
            response.TokenizerPath = model.Path;
            response.ModelType = model.ModelType;
            response.Architectures.AddRange(model.Architectures);
            response.EosTokenIds.AddRange(model.EosTokens);
            response.PadTokenId = model.PadToken;
            response.BosTokenId = model.BosToken;
            response.MaxReqInputLen = model.ContextLength;
            response.DefaultSamplingParamsJson = model.SamplingJson;
        }

        return call.WriteAsync(response).AsTask();
    }

    public Task GetServerInfoAsync(GrpcCall call, CapturedRequest captured) => call.WriteAsync(Options.EffectiveAge switch
    {
        VllmServerAge.A0 => new GetServerInfoResponse
        {
            ActiveRequests = (uint)state.Running.Count,
            LastReceiveTimestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0,
            UptimeSeconds = (DateTimeOffset.UtcNow - state.StartedAt).TotalSeconds,
            ServerType = "vllm-grpc",
        },
        VllmServerAge.A1 or VllmServerAge.A2 => Parallel(),
        _ => Current(),
    }).AsTask();

    public Task GetLoadsAsync(GrpcCall call, CapturedRequest captured)
    {
        var running = state.Running.Count;
        var load = new SchedulerLoad { NumRunningReqs = running, NumTotalReqs = running };
        if (Options.EffectiveAge >= VllmServerAge.A3)
        {
            load.MaxTotalNumTokens = 364 * 128;
            load.MaxRunningRequests = Options.MaxSequences;
        }

        return call.WriteAsync(new GetLoadsResponse
        {
            Timestamp = DateTimeOffset.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff+00:00", CultureInfo.InvariantCulture),
            Version = Options.EngineVersion,
            DpRankCount = 1,
            Loads = { load },
        }).AsTask();
    }

    public Task FlushCacheAsync(GrpcCall call, CapturedRequest captured)
    {
        state.Prefixes.Clear();
        return call.WriteAsync(new FlushCacheResponse { Success = true }).AsTask();
    }

    private GetServerInfoResponse Parallel() => new() { DataParallelSize = Options.DataParallelSize, ShmNamespaceId = _namespaceId };

    private GetServerInfoResponse Current()
    {
        var response = Parallel();
        response.KvCacheDtype = "auto";
        response.BlockSize = Options.BlockSize;
        response.ModelDtype = "torch.bfloat16";
        response.MaxNumSeqs = Options.MaxSequences;
        response.MultimodalEncoderDtype = "bfloat16";
        response.EngineReasoningParser = Options.ReasoningParser;
        response.ConstrainedDecodingStart = Options.ConstraintStart switch
        {
            ConstraintStart.AfterReasoning => "after_reasoning",
            ConstraintStart.FirstToken => "first_token",
            _ => "",
        };
        if (Options.AcceptsMedia)
        {
            response.MmProcessor = "inprocess";
            response.MmProcessorSource = "flag";
            response.MmMediaRefSchemes = "http,https,data";
        }

        if (Options.AcceptsMedia || Options.SupportsVision)
        {
            // A kind that is switched off is not listed.
            response.MmItemLimits = string.Join(
                ',',
                new[] { MediaKind.Image, MediaKind.Video, MediaKind.Audio }
                    .Where(kind => Options.LimitOf(kind) > 0)
                    .Select(kind => string.Create(CultureInfo.InvariantCulture, $"{MediaPlaces.NameOf(kind)}={Options.LimitOf(kind)}")));
            response.MmEncoderBudget = 2048;
        }

        return response;
    }
}
