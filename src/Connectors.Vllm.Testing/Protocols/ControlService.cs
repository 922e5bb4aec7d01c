using System.Globalization;
using Connectors.Vllm.Grpc.Protocol.Inference;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.Protocols;

/// <summary>The calls of <c>vllm.Control</c> that a client of a model makes; its administration calls are not served.</summary>
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
