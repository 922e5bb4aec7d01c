using Connectors.Vllm.Grpc.Protocol.Health;
using Connectors.Vllm.Grpc.Protocol.Inference;
using Google.Protobuf;
using Grpc.Core;
using Health = Connectors.Vllm.Grpc.Protocol.Health;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// The client for <c>vllm.Inference</c> with <c>vllm.Control</c> and the standard health service, or for <c>vllm.Generate</c>, the older name of the
/// former, which has no control service.
/// </summary>
internal sealed class InferenceProtocol : IServerProtocol
{
    /// <summary>The maximum size of a request message that servers accept.</summary>
    private const int MaxRequestBytes = 32 * 1024 * 1024;

    private readonly ServerChannel _channel;
    private readonly bool _hasControl;
    private readonly Renewable<ModelInfo> _model;
    private readonly Renewable<ServerInfo> _server;
    private readonly Renewable<VllmModelInfo> _modelInfo;

    public InferenceProtocol(ServerChannel channel, VllmProtocol protocol)
    {
        _channel = channel;
        Protocol = protocol;
        _hasControl = protocol == VllmProtocol.Inference;
        _model = new(token => ControlAsync(InferenceMethods.GetModelInfo, new GetModelInfoRequest(), token));
        _server = new(token => ControlAsync(InferenceMethods.GetServerInfo, new GetServerInfoRequest(), token));
        _modelInfo = new(LoadModelInfoAsync);
    }

    public VllmProtocol Protocol { get; }

    public async ValueTask<VllmCapabilities> GetCapabilitiesAsync(CancellationToken cancellationToken)
    {
        var model = await _model.GetAsync(cancellationToken).ConfigureAwait(false);
        var services = (await _server.GetAsync(cancellationToken).ConfigureAwait(false)).Services;
        return new VllmCapabilities
        {
            Protocol = Protocol,

            // A listener may have only some of the services and reports which; older servers report nothing and have both.
            Generation = services.Count == 0 || services.Contains(ServiceKind.Inference),
            Logprobs = true,
            Lora = model.SupportsLora,
            Priority = true,
            CacheSalt = true,
            AllowedTokenIds = true,
            LongSeeds = true,
            Abort = _hasControl && (services.Count == 0 || services.Contains(ServiceKind.Control)),
            Media = model.SupportsMultimodal,
            MediaSchemes = model.SupportsMultimodal ? ["http", "https", "data"] : [],
            ConstraintStart = _channel.Options.ConstraintStart ?? (
                !_hasControl ? ConstraintStart.Unknown
                : model.ReasoningParser.Length > 0 ? ConstraintStart.AfterReasoning
                : ConstraintStart.FirstToken),
            ReasoningParser = model.ReasoningParser,
            ToolCallParser = model.ToolCallParser,
        };
    }

    public ValueTask<VllmModelInfo> GetModelInfoAsync(CancellationToken cancellationToken) => _modelInfo.GetAsync(cancellationToken);

    public IReadOnlyDictionary<string, string>? GetMetadata(GenerationRequest request) => InferenceRequestBuilder.Metadata(request);

    public StreamCall<object> Generate(
        GenerationRequest request, SamplingOptions sampling, CallContext call, CancellationToken cancellationToken) => new(
        InferenceMethods.Generate(!_hasControl, request.Stream, request.IncludeRawRepresentation),
        InferenceRequestBuilder.Build(request, sampling, call.RequestId!),
        call,
        Math.Min(MaxRequestBytes, _channel.Options.MaxSendMessageBytes),
        cancellationToken);

    public GenerationReader CreateReader(GenerationRequest request, int? maxTokens) => new InferenceReader(request, maxTokens);

    public Task<EmbeddingResult> EmbedAsync(ReadOnlyMemory<int> promptIds, CallContext call, CancellationToken cancellationToken) =>
        throw RequestValidator.Unsupported(
            "The Inference protocol does not support embeddings; serve the model with 'vllm serve MODEL --grpc'.", null);

    public async Task<VllmHealth> HealthAsync(CancellationToken cancellationToken)
    {
        var response =
            await _channel.UnaryAsync(InferenceMethods.HealthCheck, new Health.HealthCheckRequest(), _channel.NewCall(), cancellationToken)
                .ConfigureAwait(false);
        return new VllmHealth(response.Status == Health.HealthCheckResponse.Types.ServingStatus.Serving, response.Status.ToString());
    }

    public Task AbortAsync(IReadOnlyList<string> requestIds, CallContext call, CancellationToken cancellationToken) => _hasControl
        ? _channel.UnaryAsync(InferenceMethods.Abort, new AbortRequest { RequestIds = { requestIds } }, call, cancellationToken)
        : throw RequestValidator.Unsupported("vLLM 0.22 to 0.26 cannot abort requests over gRPC; cancel the call instead.", null);

    public async Task<VllmServerInfo> GetServerInfoAsync(CancellationToken cancellationToken)
    {
        RequireControl("server information");
        var info =
            await _channel.UnaryAsync(InferenceMethods.GetServerInfo, new GetServerInfoRequest(), _channel.NewCall(), cancellationToken)
                .ConfigureAwait(false);
        return new VllmServerInfo
        {
            EngineVersion = info.EngineVersion,
            InstanceId = info.InstanceId,
            MaxModelLength = PositiveOrNull(info.MaxModelLen),
            KvBlockSize = PositiveOrNull(info.KvBlockSize),
            TotalKvBlocks = ToInt64(info.TotalKvBlocks),
            MaxRunningRequests = ToInt64(info.MaxRunningRequests),
            MaxBatchedTokens = ToInt64(info.MaxBatchedTokens),
            DataParallelSize = PositiveOrNull(info.Parallelism?.DataParallelSize ?? 0),
            MaxLoras = (int)Math.Min(info.MaxLoras, int.MaxValue),
            RawRepresentation = info,
        };
    }

    public Task<IReadOnlyList<VllmLoad>> GetLoadsAsync(CancellationToken cancellationToken) =>
        throw RequestValidator.Unsupported("The Inference protocol does not report the load; read it from the server's HTTP /metrics.", null);

    public Task<IReadOnlyDictionary<string, ReadOnlyMemory<byte>>> GetTokenizerBundleAsync(
        IProgress<long>? progress, CallContext call, CancellationToken cancellationToken) =>
        throw RequestValidator.Unsupported("The Inference protocol cannot transfer the tokenizer; give the client a local model folder, or "
            + "allow it to download from the hub.", null);

    public async Task<IReadOnlyList<string>> ListLorasAsync(CancellationToken cancellationToken)
    {
        RequireControl("LoRA listing");
        var response =
            await _channel.UnaryAsync(InferenceMethods.ListLoras, new ListLorasRequest(), _channel.NewCall(), cancellationToken)
                .ConfigureAwait(false);
        return [.. response.Adapters.Select(static adapter => adapter.LoraName)];
    }

    private static long? ToInt64(ulong value) => value <= long.MaxValue ? (long)value : null;

    private static int? PositiveOrNull(uint value) => value is > 0 and <= int.MaxValue ? (int)value : null;

    private void RequireControl(string what)
    {
        if (!_hasControl)
        {
            throw RequestValidator.Unsupported($"vLLM 0.22 to 0.26 have no {what} over gRPC.", null);
        }
    }

    /// <summary>
    /// Calls a method of the control service. A listener without it answers UNIMPLEMENTED, which results in an empty message instead of a failure.
    /// </summary>
    private async Task<T> ControlAsync<T>(Method<OutgoingMessage, T> method, IMessage request, CancellationToken cancellationToken)
        where T : class, IMessage<T>, new()
    {
        if (!_hasControl)
        {
            return new T();
        }

        try
        {
            return await _channel.UnaryAsync(method, request, _channel.NewCall(), cancellationToken).ConfigureAwait(false);
        }
        catch (VllmRequestException exception) when (exception.StatusCode == StatusCode.Unimplemented)
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
            ContextLength = PositiveOrNull(server.MaxModelLen),
            IsMultimodal = model.SupportsMultimodal,
            Endpoint = _channel.Endpoint,
            RawRepresentation = model,
        };
    }
}

/// <summary>
/// The methods of <c>vllm.Inference</c>, of its older name <c>vllm.Generate</c>, of <c>vllm.Control</c> and of the standard health service.
/// </summary>
internal static class InferenceMethods
{
    public const string InferenceService = "vllm.Inference";
    private const string LegacyService = "vllm.Generate";
    private const string ControlService = "vllm.Control";

    public static readonly Method<OutgoingMessage, ServerInfo> GetServerInfo = Rpc.Unary(ControlService, "GetServerInfo", ServerInfo.Parser);

    public static readonly Method<OutgoingMessage, ModelInfo> GetModelInfo = Rpc.Unary(ControlService, "GetModelInfo", ModelInfo.Parser);

    public static readonly Method<OutgoingMessage, AbortResponse> Abort = Rpc.Unary(ControlService, "Abort", AbortResponse.Parser);

    public static readonly Method<OutgoingMessage, ListLorasResponse> ListLoras = Rpc.Unary(ControlService, "ListLoras", ListLorasResponse.Parser);

    public static readonly Method<OutgoingMessage, HealthCheckResponse> HealthCheck =
        Rpc.Unary("grpc.health.v1.Health", "Check", HealthCheckResponse.Parser);

    private static readonly GenerateMethods Inference = new(InferenceService);

    private static readonly GenerateMethods Legacy = new(LegacyService);

    /// <summary>Gets the unary method, which both versions of the service have, for detection.</summary>
    public static Method<OutgoingMessage, object> Probe(bool isLegacy) => (isLegacy ? Legacy : Inference).Unary;

    public static Method<OutgoingMessage, object> Generate(bool isLegacy, bool stream, bool rawMessages)
    {
        var methods = isLegacy ? Legacy : Inference;
        return rawMessages ? (stream ? methods.StreamRaw : methods.UnaryRaw) : (stream ? methods.Stream : methods.Unary);
    }

    private sealed class GenerateMethods(string service)
    {
        public Method<OutgoingMessage, object> Unary { get; } = Rpc.Streaming(service, "Generate", InferenceReader.Parse);

        public Method<OutgoingMessage, object> Stream { get; } = Rpc.Streaming(service, "GenerateStream", InferenceReader.Parse);

        public Method<OutgoingMessage, object> UnaryRaw { get; } = Rpc.Streaming<object>(service, "Generate", GenerateResponse.Parser.ParseFrom);

        public Method<OutgoingMessage, object> StreamRaw { get; } =
            Rpc.Streaming<object>(service, "GenerateStream", GenerateResponse.Parser.ParseFrom);
    }
}
