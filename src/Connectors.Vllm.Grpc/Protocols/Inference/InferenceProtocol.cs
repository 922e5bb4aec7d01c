using Connectors.Vllm.Grpc.Protocol.Common;
using Connectors.Vllm.Grpc.Protocol.Inference;
using Health = Connectors.Vllm.Grpc.Protocol.Health;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Speaks <c>vllm.Inference</c> with <c>vllm.Control</c> and the standard health service, or <c>vllm.Generate</c>, the older name of the first,
/// which has no control service beside it.
/// </summary>
internal sealed class InferenceProtocol : IServerProtocol
{
    /// <summary>Servers refuse larger request messages.</summary>
    private const int ServerLimit = 32 * 1024 * 1024;

    private readonly GrpcInvoker _invoker;
    private readonly bool _hasControl;
    private readonly CachedLookup<ModelInfo> _model;
    private readonly CachedLookup<ServerInfo> _server;
    private readonly CachedLookup<VllmModelInfo> _modelInfo;

    public InferenceProtocol(GrpcInvoker invoker, VllmProtocol protocol)
    {
        _invoker = invoker;
        Protocol = protocol;
        _hasControl = protocol == VllmProtocol.Inference;
        _model = new(token => ControlAsync(InferenceMethods.GetModelInfo, new GetModelInfoRequest(), ModelInfo.Parser, token));
        _server = new(token => ControlAsync(InferenceMethods.GetServerInfo, new GetServerInfoRequest(), ServerInfo.Parser, token));
        _modelInfo = new(LoadModelInfoAsync);
    }

    public VllmProtocol Protocol { get; }

    public int MaxRequestBytes => Math.Min(ServerLimit, _invoker.Options.MaxSendMessageBytes);

    public async ValueTask<VllmCapabilities> GetCapabilitiesAsync(CancellationToken cancellationToken)
    {
        var model = await _model.GetAsync(cancellationToken).ConfigureAwait(false);
        return new VllmCapabilities
        {
            Protocol = Protocol,
            Logprobs = true,
            Lora = model.SupportsLora,
            Priority = true,
            CacheSalt = true,
            AllowedTokenIds = true,
            LongSeeds = true,
            Abort = _hasControl,
            Media = model.SupportsMultimodal,
            MediaSchemes = model.SupportsMultimodal ? ["http", "https", "data"] : [],
            ConstraintStart = _invoker.Options.ConstraintStart ?? (
                !_hasControl ? ConstraintStart.Unknown
                : model.ReasoningParser.Length > 0 ? ConstraintStart.AfterReasoning
                : ConstraintStart.FirstToken),
            ReasoningParser = model.ReasoningParser,
            ToolCallParser = model.ToolCallParser,
        };
    }

    public ValueTask<VllmModelInfo> GetModelInfoAsync(CancellationToken cancellationToken) => _modelInfo.GetAsync(cancellationToken);

    public GenerationCall Encode(GenerationRequest request, SamplingOptions sampling, string requestId)
    {
        var method = (_hasControl, request.Stream) switch
        {
            (true, true) => InferenceMethods.GenerateStream,
            (true, false) => InferenceMethods.Generate,
            (false, true) => InferenceMethods.LegacyGenerateStream,
            (false, false) => InferenceMethods.LegacyGenerate,
        };
        var message = InferenceRequestBuilder.Build(request, sampling, requestId);
        return new(method, GrpcFrame.Encode(message, MaxRequestBytes), InferenceRequestBuilder.Metadata(request));
    }

    public GenerationReader CreateReader(GenerationRequest request) => new InferenceReader(request);

    public Task<EmbeddingResult> EmbedAsync(ReadOnlyMemory<int> promptIds, int? expectedConnections, CancellationToken cancellationToken) =>
        throw RequestValidator.Unsupported("The Inference protocol has no embeddings; serve the model with 'vllm serve MODEL --grpc' for them.", null);

    public async Task<VllmHealth> HealthAsync(CancellationToken cancellationToken)
    {
        var response = await _invoker.UnaryAsync(
            InferenceMethods.HealthCheck, new Health.HealthCheckRequest(), Health.HealthCheckResponse.Parser, cancellationToken).ConfigureAwait(false);
        return new VllmHealth(response.Status == Health.HealthCheckResponse.Types.ServingStatus.Serving, response.Status.ToString());
    }

    public Task AbortAsync(IReadOnlyList<string> requestIds, TimeSpan? timeout, CancellationToken cancellationToken) => _hasControl
        ? _invoker.UnaryAsync(InferenceMethods.Abort, new AbortRequest { RequestIds = { requestIds } }, AbortResponse.Parser, cancellationToken, timeout)
        : throw RequestValidator.Unsupported("vLLM 0.22 to 0.26 have no abort over gRPC; cancel the call instead.", null);

    public async Task<VllmServerInfo> GetServerInfoAsync(CancellationToken cancellationToken)
    {
        RequireControl("server information");
        var info = await _invoker.UnaryAsync(InferenceMethods.GetServerInfo, new GetServerInfoRequest(), ServerInfo.Parser, cancellationToken).ConfigureAwait(false);
        return new VllmServerInfo
        {
            EngineVersion = info.EngineVersion,
            InstanceId = info.InstanceId,
            MaxModelLength = Positive(info.MaxModelLen),
            KvBlockSize = Positive(info.KvBlockSize),
            TotalKvBlocks = checked((long)info.TotalKvBlocks),
            MaxRunningRequests = checked((long)info.MaxRunningRequests),
            MaxBatchedTokens = checked((long)info.MaxBatchedTokens),
            DataParallelSize = Positive(info.Parallelism?.DataParallelSize ?? 0),
            MaxLoras = checked((int)info.MaxLoras),
            RawRepresentation = info,
        };
    }

    public Task<IReadOnlyList<VllmLoad>> GetLoadsAsync(CancellationToken cancellationToken) =>
        throw RequestValidator.Unsupported("The Inference protocol has no load figures; read them from the server's HTTP /metrics.", null);

    public Task<IReadOnlyDictionary<string, ReadOnlyMemory<byte>>> GetTokenizerBundleAsync(
        IProgress<TransferProgress>? progress, int? expectedConnections, CancellationToken cancellationToken) =>
        throw RequestValidator.Unsupported("The Inference protocol cannot transfer the tokenizer; give the client a local model folder, or let it download from a hub.", null);

    public async Task<IReadOnlyList<LoraAdapterInfo>> ListLorasAsync(CancellationToken cancellationToken)
    {
        RequireControl("LoRA listing");
        var response = await _invoker.UnaryAsync(InferenceMethods.ListLoras, new ListLorasRequest(), ListLorasResponse.Parser, cancellationToken).ConfigureAwait(false);
        return [.. response.Adapters.Select(static adapter => new LoraAdapterInfo(adapter.LoraId, adapter.LoraName, adapter.SourcePath))];
    }

    private static int? Positive(uint value) => value is > 0 and <= int.MaxValue ? (int)value : null;

    private void RequireControl(string what)
    {
        if (!_hasControl)
        {
            throw RequestValidator.Unsupported($"vLLM 0.22 to 0.26 have no {what} over gRPC.", null);
        }
    }

    /// <summary>A listener that mounts the Inference service only answers UNIMPLEMENTED here; then nothing is known, and that is no failure.</summary>
    private async Task<T> ControlAsync<T>(string method, Google.Protobuf.IMessage request, Google.Protobuf.MessageParser<T> parser, CancellationToken cancellationToken)
        where T : Google.Protobuf.IMessage<T>, new()
    {
        if (!_hasControl)
        {
            return new T();
        }

        try
        {
            return await _invoker.UnaryAsync(method, request, parser, cancellationToken).ConfigureAwait(false);
        }
        catch (VllmRequestException e) when (e.StatusCode == VllmStatusCode.Unimplemented)
        {
            return new T();
        }
    }

    private async Task<VllmModelInfo> LoadModelInfoAsync(CancellationToken cancellationToken)
    {
        var model = await _model.GetAsync(cancellationToken).ConfigureAwait(false);
        var server = await _server.GetAsync(cancellationToken).ConfigureAwait(false);
        var served = model.ServedModelName.Length > 0 ? model.ServedModelName : model.ModelId;
        return new VllmModelInfo
        {
            ModelId = ModelIds.FromPath(model.ModelId),
            ModelPath = model.ModelId,
            ServedModelName = ModelIds.FromPath(served),
            ServedModelNames = served.Length > 0 ? [served, .. model.ServedModelAliases] : [],
            ContextLength = Positive(server.MaxModelLen),
            IsMultimodal = model.SupportsMultimodal,
            Endpoint = _invoker.Endpoint,
            RawRepresentation = model,
        };
    }
}
