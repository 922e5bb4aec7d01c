using System.Runtime.CompilerServices;
using Connectors.Vllm.Grpc.Protocol.Common;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Google.Protobuf;

namespace Connectors.Vllm.Grpc;

/// <summary>Speaks <c>vllm.grpc.engine.VllmEngine</c>, all ages of it.</summary>
internal sealed class VllmEngineProtocol : IServerProtocol
{
    private readonly GrpcInvoker _invoker;
    private readonly CachedLookup<GetModelInfoResponse> _model;
    private readonly CachedLookup<VllmModelInfo> _modelInfo;
    private readonly CachedLookup<VllmCapabilities> _capabilities;

    public VllmEngineProtocol(GrpcInvoker invoker)
    {
        _invoker = invoker;
        _model = new(token => _invoker.UnaryAsync(VllmEngineMethods.GetModelInfo, new GetModelInfoRequest(), GetModelInfoResponse.Parser, token));
        _modelInfo = new(async token => VllmEngineModelInfo.ToModelInfo(await _model.GetAsync(token).ConfigureAwait(false), _invoker.Endpoint));
        _capabilities = new(LoadCapabilitiesAsync);
    }

    public VllmProtocol Protocol => VllmProtocol.VllmEngine;

    public int MaxRequestBytes => _invoker.Options.MaxSendMessageBytes;

    public ValueTask<VllmCapabilities> GetCapabilitiesAsync(CancellationToken cancellationToken) => _capabilities.GetAsync(cancellationToken);

    public ValueTask<VllmModelInfo> GetModelInfoAsync(CancellationToken cancellationToken) => _modelInfo.GetAsync(cancellationToken);

    public GenerationCall Encode(GenerationRequest request, SamplingOptions sampling, string requestId) => new(
        VllmEngineMethods.Generate,
        GrpcFrame.Encode(VllmEngineRequestBuilder.Build(request, sampling, requestId), MaxRequestBytes),
        request.Metadata);

    public GenerationReader CreateReader(GenerationRequest request) => new VllmEngineReader(request, request.Sampling.ChoiceCount ?? 1);

    public async Task<EmbeddingResult> EmbedAsync(ReadOnlyMemory<int> promptIds, int? expectedConnections, CancellationToken cancellationToken)
    {
        var model = await GetModelInfoAsync(cancellationToken).ConfigureAwait(false);
        RequestValidator.CheckPrompt(promptIds.Span, model.VocabularySize, model.ContextLength, outputTokens: 0);
        var request = new EmbedRequest { RequestId = RequestIds.Next(), Tokenized = new TokenizedInput() };
        TokenIdConversion.Fill(request.Tokenized.InputIds, promptIds.Span);
        var response = await _invoker.UnaryAsync(
            VllmEngineMethods.Embed, request, EmbedResponse.Parser, cancellationToken, requestId: request.RequestId, expectedConnections: expectedConnections).ConfigureAwait(false);
        return new EmbeddingResult(response.Embedding.ToArray(), checked((int)response.PromptTokens));
    }

    public async Task<VllmHealth> HealthAsync(CancellationToken cancellationToken)
    {
        var response = await _invoker.UnaryAsync(VllmEngineMethods.HealthCheck, new HealthCheckRequest(), HealthCheckResponse.Parser, cancellationToken).ConfigureAwait(false);
        return new VllmHealth(response.Healthy, response.Message);
    }

    public Task AbortAsync(IReadOnlyList<string> requestIds, TimeSpan? timeout, CancellationToken cancellationToken) =>
        _invoker.UnaryAsync(VllmEngineMethods.Abort, new AbortRequest { RequestIds = { requestIds } }, AbortResponse.Parser, cancellationToken, timeout);

    public async Task<VllmServerInfo> GetServerInfoAsync(CancellationToken cancellationToken) =>
        VllmEngineModelInfo.ToServerInfo(await _invoker.UnaryAsync(
            VllmEngineMethods.GetServerInfo, new GetServerInfoRequest(), GetServerInfoResponse.Parser, cancellationToken).ConfigureAwait(false));

    public async Task<IReadOnlyList<VllmLoad>> GetLoadsAsync(CancellationToken cancellationToken)
    {
        var response = await _invoker.UnaryAsync(VllmEngineMethods.GetLoads, new GetLoadsRequest(), GetLoadsResponse.Parser, cancellationToken).ConfigureAwait(false);
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
        IProgress<TransferProgress>? progress, int? expectedConnections, CancellationToken cancellationToken)
    {
        try
        {
            using var archive = new TokenizerArchive();
            await foreach (var chunk in StreamAsync(
                VllmEngineMethods.GetTokenizer, new GetTokenizerRequest(), GetTokenizerChunk.Parser, _invoker.Options.TokenizerTimeout, expectedConnections, cancellationToken).ConfigureAwait(false))
            {
                archive.Add(chunk.Data.Span, chunk.Sha256);
                progress?.Report(new TransferProgress(archive.Length));
            }

            return archive.Extract();
        }
        catch (InvalidDataException e)
        {
            throw new VllmProtocolException($"The tokenizer that {_invoker.Endpoint} sent is refused: {e.Message.TrimEnd('.')}. Use a local model folder instead, or look at the server.", e)
            {
                StatusCode = VllmStatusCode.DataLoss,
                Method = VllmEngineMethods.GetTokenizer,
                Endpoint = _invoker.Endpoint,
            };
        }
    }

    public Task<IReadOnlyList<LoraAdapterInfo>> ListLorasAsync(CancellationToken cancellationToken) =>
        throw RequestValidator.Unsupported("The VllmEngine protocol has no LoRA adapters; serve with --grpc-port (the Inference protocol) for them.", null);

    private async IAsyncEnumerable<T> StreamAsync<T>(
        string method, IMessage request, MessageParser<T> parser, TimeSpan? timeout, int? expectedConnections, [EnumeratorCancellation] CancellationToken cancellationToken)
        where T : IMessage<T>
    {
        var call = new GrpcCallRequest
        {
            Method = method,
            Frame = GrpcFrame.Encode(request, _invoker.Options.MaxSendMessageBytes),
            Timeout = timeout,
            ExpectedConnections = expectedConnections,
        };
        using var stream = await _invoker.Transport.StartAsync(call, cancellationToken).ConfigureAwait(false);
        while (await stream.MoveNextAsync().ConfigureAwait(false))
        {
            T message;
            try
            {
                message = parser.ParseFrom(stream.Current.Span);
            }
            catch (InvalidProtocolBufferException e)
            {
                throw _invoker.Malformed(method, null, e);
            }

            yield return message;
        }
    }

    private async Task<VllmCapabilities> LoadCapabilitiesAsync(CancellationToken cancellationToken)
    {
        var model = await _model.GetAsync(cancellationToken).ConfigureAwait(false);
        GetServerInfoResponse? server = null;
        try
        {
            server = await _invoker.UnaryAsync(VllmEngineMethods.GetServerInfo, new GetServerInfoRequest(), GetServerInfoResponse.Parser, cancellationToken).ConfigureAwait(false);
        }
        catch (VllmRequestException e) when (e.StatusCode == VllmStatusCode.Unimplemented)
        {
        }

        return VllmEngineModelInfo.ToCapabilities(model, server, _invoker.Options.ConstraintStart);
    }
}
