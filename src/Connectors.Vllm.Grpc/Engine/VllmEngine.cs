using System.Runtime.CompilerServices;
using Connectors.Vllm.Grpc.Protocol.Common;
using Google.Protobuf;
using Microsoft.Extensions.Logging;
using Polly;

namespace Connectors.Vllm.Grpc;

/// <summary>The engine over one or more servers. The way of a generation is in <see cref="RunAsync"/>, top to bottom.</summary>
internal sealed class VllmEngine : IVllmEngine
{
    private readonly VllmConnectionOptions _options;
    private readonly EndpointSelector _endpoints;
    private readonly ResiliencePipeline _retry;
    private readonly AbortSender _aborts;
    private readonly ILogger _logger;
    private int _disposed;

    public VllmEngine(VllmConnectionOptions options, Func<Uri, VllmConnectionOptions, IGrpcTransport> connect, ILogger logger)
    {
        _options = options;
        _logger = logger;
        _retry = RetryPipeline.Create(options.Retry, options.Endpoints.Count);
        _aborts = new AbortSender(options.AbortTimeout, logger);
        _endpoints = new EndpointSelector(
            [.. options.Endpoints.Select(uri => new ServerEndpoint(connect(uri, options), options, logger))],
            options.PrefixAffinity);
    }

    public VllmProtocol Protocol => _endpoints.All[0].Protocol;

    public Uri Endpoint => _endpoints.All[0].Uri;

    public ValueTask<VllmCapabilities> GetCapabilitiesAsync(CancellationToken cancellationToken = default) =>
        new(AskAsync(static (family, _, token) => family.GetCapabilitiesAsync(token).AsTask(), false, cancellationToken));

    public ValueTask<VllmModelInfo> GetModelInfoAsync(CancellationToken cancellationToken = default) =>
        new(AskAsync(static (family, _, token) => family.GetModelInfoAsync(token).AsTask(), false, cancellationToken));

    public Task<EmbeddingResult> EmbedAsync(ReadOnlyMemory<int> promptIds, CancellationToken cancellationToken = default) =>
        AskAsync(static (family, ids, token) => family.EmbedAsync(ids, token), promptIds, cancellationToken);

    public Task<VllmHealth> HealthAsync(CancellationToken cancellationToken = default) =>
        AskAsync(static (family, _, token) => family.HealthAsync(token), false, cancellationToken);

    public Task<VllmServerInfo> GetServerInfoAsync(CancellationToken cancellationToken = default) =>
        AskAsync(static (family, _, token) => family.GetServerInfoAsync(token), false, cancellationToken);

    public Task<IReadOnlyList<VllmLoad>> GetLoadsAsync(CancellationToken cancellationToken = default) =>
        AskAsync(static (family, _, token) => family.GetLoadsAsync(token), false, cancellationToken);

    public Task<IReadOnlyDictionary<string, ReadOnlyMemory<byte>>> GetTokenizerBundleAsync(
        IProgress<TransferProgress>? progress = null, CancellationToken cancellationToken = default) =>
        AskAsync(static (family, report, token) => family.GetTokenizerBundleAsync(report, token), progress, cancellationToken);

    public Task<IReadOnlyList<LoraAdapterInfo>> ListLorasAsync(CancellationToken cancellationToken = default) =>
        AskAsync(static (family, _, token) => family.ListLorasAsync(token), false, cancellationToken);

    public async Task AbortAsync(IReadOnlyList<string> requestIds, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(requestIds);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);

        // Which server has a request is known to nobody but the servers; unknown ids do no harm.
        await Task.WhenAll(_endpoints.All.Where(endpoint => !endpoint.IsSetAside || _endpoints.All.Count == 1).Select(async endpoint =>
        {
            var family = await endpoint.GetFamilyAsync(cancellationToken).ConfigureAwait(false);
            await family.AbortAsync(requestIds, null, cancellationToken).ConfigureAwait(false);
        })).ConfigureAwait(false);
    }

    public async IAsyncEnumerable<KvEventBatch> SubscribeKvEventsAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var family = await AskAsync(static (family, _, _) => Task.FromResult(family), false, cancellationToken).ConfigureAwait(false);
        await foreach (var batch in family.SubscribeKvEventsAsync(cancellationToken).ConfigureAwait(false))
        {
            yield return batch;
        }
    }

    public IAsyncEnumerable<GenerationUpdate> GenerateAsync(GenerationRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return request.Sampling.ChoiceCount > 1 ? SplitAsync(request, cancellationToken) : RunAsync(request, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _aborts.DrainAsync().ConfigureAwait(false);
        foreach (var endpoint in _endpoints.All)
        {
            endpoint.Dispose();
        }
    }

    private async IAsyncEnumerable<GenerationUpdate> RunAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var run = await StartAsync(request, cancellationToken).ConfigureAwait(false);
        var call = run.Call;
        var more = run.HasMessage;
        while (more)
        {
            var update = run.Read();
            if (update is not null)
            {
                yield return update;
            }

            try
            {
                more = await call.MoveNextAsync().ConfigureAwait(false);
            }
            catch (VllmException e)
            {
                run.Observe(e);
                throw;
            }
        }

        run.Complete();
    }

    /// <summary>Several choices in one call where the server can, else one call per choice.</summary>
    private async IAsyncEnumerable<GenerationUpdate> SplitAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var capabilities = await GetCapabilitiesAsync(cancellationToken).ConfigureAwait(false);
        var updates = capabilities.MultipleChoices ? RunAsync(request, cancellationToken) : ChoiceFanOut.RunAsync(request, RunAsync, cancellationToken);
        await foreach (var update in updates.ConfigureAwait(false))
        {
            yield return update;
        }
    }

    /// <summary>Chooses a server, checks and fills the request for it, sends it and waits for the first message; retries till then.</summary>
    private async Task<GenerationRun> StartAsync(GenerationRequest request, CancellationToken cancellationToken)
    {
        var failed = new List<ServerEndpoint>();
        return await _retry.ExecuteAsync(
            async token =>
            {
                var endpoint = _endpoints.Select(request.PromptIds.Span, failed);
                var requestId = request.RequestId ?? RequestIds.Next();
                endpoint.Enter();
                try
                {
                    return await StartAtAsync(endpoint, request, requestId, token).ConfigureAwait(false);
                }
                catch (Exception e)
                {
                    endpoint.Leave();
                    endpoint.Observe(e);
                    failed.Add(endpoint);
                    if (RetryPipeline.IsSafe(e, _endpoints.All.Count))
                    {
                        Log.Retrying(_logger, requestId, e);
                    }

                    throw;
                }
            },
            cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<GenerationRun> StartAtAsync(ServerEndpoint endpoint, GenerationRequest request, string requestId, CancellationToken cancellationToken)
    {
        var family = await endpoint.GetFamilyAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await StartWithAsync(endpoint, family, request, requestId, cancellationToken).ConfigureAwait(false);
        }
        catch (VllmRequestException e) when (e.StatusCode == VllmStatusCode.Unimplemented && e.Method is not null && endpoint.Forget(family))
        {
            var renewed = await endpoint.GetFamilyAsync(cancellationToken).ConfigureAwait(false);
            if (renewed.Protocol == family.Protocol)
            {
                throw;
            }

            return await StartWithAsync(endpoint, renewed, request, requestId, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<GenerationRun> StartWithAsync(
        ServerEndpoint endpoint, IProtocolFamily family, GenerationRequest request, string requestId, CancellationToken cancellationToken)
    {
        var model = await family.GetModelInfoAsync(cancellationToken).ConfigureAwait(false);
        var capabilities = await family.GetCapabilitiesAsync(cancellationToken).ConfigureAwait(false);
        request = PromptTruncation.Apply(request);
        RequestValidator.Check(request, request.Sampling, model, capabilities);
        var sampling = SamplingFiller.Fill(request, model, _options.ApplyModelSamplingDefaults);
        var generation = family.Encode(request, sampling, requestId);
        var run = new GenerationRun(endpoint, family, request, requestId, _aborts);
        try
        {
            await run.StartAsync(
                new GrpcCallRequest
                {
                    Method = generation.Method,
                    Frame = generation.Frame,
                    RequestId = requestId,
                    Metadata = generation.Metadata,
                    Timeout = _options.GenerationTimeout,
                    FirstMessageTimeout = _options.FirstTokenTimeout,
                    BetweenMessagesTimeout = _options.BetweenTokensTimeout,
                    ErrorFilter = request.Constraint is { } constraint ? e => ConstraintFailures.Translate(e, constraint) : null,
                },
                cancellationToken).ConfigureAwait(false);
            endpoint.MarkHealthy();
            return run;
        }
        catch (Exception e)
        {
            run.Abandon(e);
            throw;
        }
    }

    private async Task<T> AskAsync<T, TState>(Func<IProtocolFamily, TState, CancellationToken, Task<T>> ask, TState state, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        var failed = new List<ServerEndpoint>();
        return await _retry.ExecuteAsync(
            async token =>
            {
                var endpoint = _endpoints.Select([], failed);
                try
                {
                    return await AskAtAsync(endpoint, ask, state, token).ConfigureAwait(false);
                }
                catch (VllmException e)
                {
                    endpoint.Observe(e);
                    failed.Add(endpoint);
                    throw;
                }
            },
            cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask<T> AskAtAsync<T, TState>(
        ServerEndpoint endpoint, Func<IProtocolFamily, TState, CancellationToken, Task<T>> ask, TState state, CancellationToken cancellationToken)
    {
        var family = await endpoint.GetFamilyAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await ask(family, state, cancellationToken).ConfigureAwait(false);
        }
        catch (VllmRequestException e) when (e.StatusCode == VllmStatusCode.Unimplemented && e.Method is not null && endpoint.Forget(family))
        {
            var renewed = await endpoint.GetFamilyAsync(cancellationToken).ConfigureAwait(false);
            if (renewed.Protocol == family.Protocol)
            {
                throw;
            }

            return await ask(renewed, state, cancellationToken).ConfigureAwait(false);
        }
    }
}
