using Connectors.Vllm.Grpc.Protocol.Inference;
using Connectors.Vllm.Testing.Engine;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.FamilyB;

/// <summary>The calls of <c>vllm.Control</c> that a client of a model makes; its administration calls are not served.</summary>
internal sealed class ControlCalls(ServerState state)
{
    private const string Service = "/vllm.Control/";
    private readonly string _instance = Random.Shared.NextInt64(1_000_000_000_000_000_000, long.MaxValue).ToString(System.Globalization.CultureInfo.InvariantCulture);

    public void AddTo(Dictionary<string, RpcMethod> methods)
    {
        methods[Service + "GetServerInfo"] = new(GetServerInfoRequest.Parser, GetServerInfoAsync);
        methods[Service + "GetModelInfo"] = new(GetModelInfoRequest.Parser, GetModelInfoAsync);
        methods[Service + "Abort"] = new(AbortRequest.Parser, AbortAsync);
        methods[Service + "GetKvEventSources"] = new(GetKvEventSourcesRequest.Parser, (call, _) => call.WriteAsync(new GetKvEventSourcesResponse()).AsTask());
        methods[Service + "ListLoras"] = new(ListLorasRequest.Parser, (call, _) =>
            call.WriteAsync(new ListLorasResponse { Adapters = { state.Loras.List() } }).AsTask());
        methods[Service + "LoadLora"] = new(LoadLoraRequest.Parser, (call, captured) =>
        {
            var request = captured.As<LoadLoraRequest>();
            return call.WriteAsync(new LoadLoraResponse { Adapter = state.Loras.Load(request.LoraName, request.SourcePath) }).AsTask();
        });
        methods[Service + "UnloadLora"] = new(UnloadLoraRequest.Parser, (call, captured) =>
            call.WriteAsync(new UnloadLoraResponse { Adapter = state.Loras.Unload(captured.As<UnloadLoraRequest>().LoraName) }).AsTask());
    }

    private Task GetServerInfoAsync(GrpcCall call, CapturedRequest captured)
    {
        var options = state.Options;
        var parallel = (uint)options.DataParallelSize;
        return call.WriteAsync(new ServerInfo
        {
            EngineVersion = options.EngineVersion,
            ApiVersion = "vllm",
            InstanceId = _instance,
            Parallelism = new ParallelismInfo
            {
                TensorParallelSize = 1,
                PipelineParallelSize = 1,
                DataParallelSize = parallel,
                DecodeContextParallelSize = 1,
                WorldSize = 1,
                DataParallelSizeLocal = parallel,
            },
            MaxModelLen = (uint)state.Model.ContextLength,
            KvBlockSize = (uint)options.BlockSize,
            TotalKvBlocks = 364,
            MaxRunningRequests = (ulong)options.MaxSequences,
            MaxBatchedTokens = 2048,
            MaxLoras = state.Loras.Enabled ? 4u : 0u,
            RlCapabilities = new RlCapabilities(),
            EffectiveAttentionBlockSize = (ulong)options.BlockSize,
        }).AsTask();
    }

    private Task GetModelInfoAsync(GrpcCall call, CapturedRequest captured) => call.WriteAsync(new ModelInfo
    {
        ModelId = state.Model.Path,
        ServedModelName = state.Model.ServedName,
        ServedModelAliases = { state.Options.ServedModelAliases },
        SupportsTextInput = true,
        SupportsTokenIdsInput = true,
        SupportsLora = state.Loras.Enabled,
        SupportsMultimodal = state.Options.AcceptsMedia,
        ReasoningParser = state.Options.ReasoningParser,
        ToolCallParser = state.Options.ToolCallParser,
    }).AsTask();

    private Task AbortAsync(GrpcCall call, CapturedRequest captured)
    {
        foreach (var running in state.Running.Abort(captured.As<AbortRequest>().RequestIds))
        {
            state.Log.CountAborted(running.Captured);
        }

        return call.WriteAsync(new AbortResponse()).AsTask();
    }
}
