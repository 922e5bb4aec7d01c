using Connectors.Vllm.Grpc.Protocol.Common;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>The client for all versions of <c>vllm.grpc.engine.VllmEngine</c>.</summary>
internal sealed class VllmEngineProtocol : IServerProtocol
{
    private readonly ServerChannel _channel;
    private readonly Renewable<GetModelInfoResponse> _model;
    private readonly Renewable<VllmModelInfo> _modelInfo;
    private readonly Renewable<VllmCapabilities> _capabilities;

    public VllmEngineProtocol(ServerChannel channel)
    {
        _channel = channel;
        _model = new(token => _channel.UnaryAsync(VllmEngineMethods.GetModelInfo, new GetModelInfoRequest(), _channel.NewCall(), token));
        _modelInfo = new(async token => VllmEngineModelInfo.ToModelInfo(await _model.GetAsync(token).ConfigureAwait(false), _channel.Endpoint));
        _capabilities = new(LoadCapabilitiesAsync);
    }

    public VllmProtocol Protocol => VllmProtocol.VllmEngine;

    public ValueTask<VllmCapabilities> GetCapabilitiesAsync(CancellationToken cancellationToken) => _capabilities.GetAsync(cancellationToken);

    public ValueTask<VllmModelInfo> GetModelInfoAsync(CancellationToken cancellationToken) => _modelInfo.GetAsync(cancellationToken);

    public IReadOnlyDictionary<string, string>? GetMetadata(GenerationRequest request) => request.Metadata;

    public StreamCall<object> Generate(
        GenerationRequest request, SamplingOptions sampling, CallContext call, CancellationToken cancellationToken) => new(
        request.IncludeRawRepresentation ? VllmEngineMethods.GenerateRaw : VllmEngineMethods.Generate,
        VllmEngineRequestBuilder.Build(request, sampling, call.RequestId!),
        call,
        _channel.Options.MaxSendMessageBytes,
        cancellationToken);

    public GenerationReader CreateReader(GenerationRequest request, int? maxTokens) => new VllmEngineReader(request, maxTokens);

    public async Task<EmbeddingResult> EmbedAsync(ReadOnlyMemory<int> promptIds, CallContext call, CancellationToken cancellationToken)
    {
        var model = await GetModelInfoAsync(cancellationToken).ConfigureAwait(false);
        RequestValidator.CheckPrompt(promptIds.Span, model.VocabularySize, model.ContextLength, outputTokens: 0);
        var request = new EmbedRequest { RequestId = call.RequestId!, Tokenized = new TokenizedInput() };
        TokenIdConversion.Fill(request.Tokenized.InputIds, promptIds.Span);
        var response = await _channel.UnaryAsync(VllmEngineMethods.Embed, request, call, cancellationToken).ConfigureAwait(false);
        return response.Embedding.Count == 0 || response.PromptTokens > int.MaxValue
            ? throw new CallErrors(call, VllmEngineMethods.Embed.FullName).Unreadable(new InvalidDataException("an embedding without values"))
            : new EmbeddingResult(response.Embedding.ToArray(), (int)response.PromptTokens);
    }

    public async Task<VllmHealth> HealthAsync(CancellationToken cancellationToken)
    {
        var response =
            await _channel.UnaryAsync(VllmEngineMethods.HealthCheck, new HealthCheckRequest(), _channel.NewCall(), cancellationToken)
                .ConfigureAwait(false);
        return new VllmHealth(response.Healthy, response.Message);
    }

    public Task AbortAsync(IReadOnlyList<string> requestIds, CallContext call, CancellationToken cancellationToken) =>
        _channel.UnaryAsync(VllmEngineMethods.Abort, new AbortRequest { RequestIds = { requestIds } }, call, cancellationToken);

    public async Task<VllmServerInfo> GetServerInfoAsync(CancellationToken cancellationToken)
    {
        var info = VllmEngineModelInfo.ToServerInfo(
            await _channel.UnaryAsync(VllmEngineMethods.GetServerInfo, new GetServerInfoRequest(), _channel.NewCall(), cancellationToken)
                .ConfigureAwait(false));
        try
        {
            // The version is part of the load report, which older servers do not have and servers that are still loading cannot send.
            var loads = await _channel.UnaryAsync(VllmEngineMethods.GetLoads, new GetLoadsRequest(), _channel.NewCall(), cancellationToken)
                .ConfigureAwait(false);
            return loads.Version.Length > 0 ? info with { EngineVersion = loads.Version } : info;
        }
        catch (VllmException)
        {
            return info;
        }
    }

    public async Task<IReadOnlyList<VllmLoad>> GetLoadsAsync(CancellationToken cancellationToken)
    {
        var response =
            await _channel.UnaryAsync(VllmEngineMethods.GetLoads, new GetLoadsRequest(), _channel.NewCall(), cancellationToken).ConfigureAwait(false);
        return [.. response.Loads.Select(static load => new VllmLoad
        {
            DataParallelRank = load.DpRank,
            RunningRequests = load.NumRunningReqs,
            WaitingRequests = load.NumWaitingReqs,
            UsedTokens = load.NumUsedTokens,
            MaxTokens = load.MaxTotalNumTokens,
            TokenUsage = load.TokenUsage,
            GenerationThroughput = load.GenThroughput,
            CacheHitRate = load.CacheHitRate,
            MaxRunningRequests = load.MaxRunningRequests,
        })];
    }

    public async Task<IReadOnlyDictionary<string, ReadOnlyMemory<byte>>> GetTokenizerBundleAsync(
        IProgress<long>? progress, CallContext call, CancellationToken cancellationToken)
    {
        try
        {
            using var archive = new TokenizerArchive(_channel.Options.MaxTokenizerBytes);
            using var stream = new StreamCall<GetTokenizerChunk>(
                VllmEngineMethods.GetTokenizer, new GetTokenizerRequest(), call, _channel.Options.MaxSendMessageBytes, cancellationToken);
            while (await stream.MoveNextAsync().ConfigureAwait(false))
            {
                archive.Add(stream.Current.Data.Span, stream.Current.Sha256);
                progress?.Report(archive.Length);
            }

            return archive.Extract();
        }
        catch (InvalidDataException exception)
        {
            throw new VllmProtocolException(
                $"The tokenizer that {_channel.Endpoint} sent is refused: {exception.Message.TrimEnd('.')}. Use a local model folder instead, "
                + $"or look at the server.",
                exception)
            {
                StatusCode = StatusCode.DataLoss,
                Method = VllmEngineMethods.GetTokenizer.FullName,
                Endpoint = _channel.Endpoint,
            };
        }
    }

    public Task<IReadOnlyList<string>> ListLorasAsync(CancellationToken cancellationToken) =>
        throw RequestValidator.Unsupported("The VllmEngine protocol does not support LoRA adapters; serve with --grpc-port (the Inference protocol) "
            + "for them.", null);

    private async Task<VllmCapabilities> LoadCapabilitiesAsync(CancellationToken cancellationToken)
    {
        var model = await _model.GetAsync(cancellationToken).ConfigureAwait(false);
        GetServerInfoResponse? server = null;
        try
        {
            server =
                await _channel.UnaryAsync(VllmEngineMethods.GetServerInfo, new GetServerInfoRequest(), _channel.NewCall(), cancellationToken)
                    .ConfigureAwait(false);
        }
        catch (VllmRequestException exception) when (exception.StatusCode == StatusCode.Unimplemented)
        {
        }

        return VllmEngineModelInfo.ToCapabilities(model, server, _channel.Options.ConstraintStart);
    }
}

/// <summary>The methods of <c>vllm.grpc.engine.VllmEngine</c>.</summary>
internal static class VllmEngineMethods
{
    private const string Service = "vllm.grpc.engine.VllmEngine";

    public static readonly Method<OutgoingMessage, object> Generate = Rpc.Streaming(Service, "Generate", VllmEngineReader.Parse);

    /// <summary>Like <see cref="Generate"/>, but returns the protobuf messages.</summary>
    public static readonly Method<OutgoingMessage, object> GenerateRaw =
        Rpc.Streaming<object>(Service, "Generate", GenerateResponse.Parser.ParseFrom);

    public static readonly Method<OutgoingMessage, GetTokenizerChunk> GetTokenizer =
        Rpc.Streaming(Service, "GetTokenizer", GetTokenizerChunk.Parser.ParseFrom);

    public static readonly Method<OutgoingMessage, EmbedResponse> Embed = Rpc.Unary(Service, "Embed", EmbedResponse.Parser);

    public static readonly Method<OutgoingMessage, HealthCheckResponse> HealthCheck = Rpc.Unary(Service, "HealthCheck", HealthCheckResponse.Parser);

    public static readonly Method<OutgoingMessage, AbortResponse> Abort = Rpc.Unary(Service, "Abort", AbortResponse.Parser);

    public static readonly Method<OutgoingMessage, GetModelInfoResponse> GetModelInfo =
        Rpc.Unary(Service, "GetModelInfo", GetModelInfoResponse.Parser);

    public static readonly Method<OutgoingMessage, GetServerInfoResponse> GetServerInfo =
        Rpc.Unary(Service, "GetServerInfo", GetServerInfoResponse.Parser);

    public static readonly Method<OutgoingMessage, GetLoadsResponse> GetLoads = Rpc.Unary(Service, "GetLoads", GetLoadsResponse.Parser);

    /// <summary>Gets the health check of another engine's service, which has the same name and shape.</summary>
    public static Method<OutgoingMessage, HealthCheckResponse> GetHealthCheck(string service) =>
        Rpc.Unary(service, "HealthCheck", HealthCheckResponse.Parser);
}
