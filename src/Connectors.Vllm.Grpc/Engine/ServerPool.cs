using System.Runtime.CompilerServices;
using Connectors.Vllm.Grpc.Protocol.Common;
using Google.Protobuf;
using Microsoft.Extensions.Logging;
using Polly;

namespace Connectors.Vllm.Grpc;

/// <summary>The engine over one or more servers. The way of a generation is in <see cref="RunAsync"/>, top to bottom.</summary>
internal sealed class ServerPool : IVllmEngine
{
    /// <summary>How often one request may find that a connection was opened in between: bursts of requests open many at once.</summary>
    private const int MaxRenewals = 100;

    private readonly VllmConnectionOptions _options;
    private readonly EndpointSelector _endpoints;
    private readonly ResiliencePipeline _retry;
    private readonly AbortSender _aborts;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly HashSet<GenerationRun> _running = [];
    private int _disposed;

    public ServerPool(VllmConnectionOptions options, Func<Uri, VllmConnectionOptions, IGrpcTransport> connect, ILogger logger)
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
        new(AskAsync(static (server, _, token) => server.Family.GetCapabilitiesAsync(token).AsTask(), false, cancellationToken));

    public ValueTask<VllmModelInfo> GetModelInfoAsync(CancellationToken cancellationToken = default) =>
        new(AskAsync(static (server, _, token) => server.Family.GetModelInfoAsync(token).AsTask(), false, cancellationToken));

    public Task<EmbeddingResult> EmbedAsync(ReadOnlyMemory<int> promptIds, VllmModelInfo? preparedFor = null, CancellationToken cancellationToken = default) =>
        AskAsync(
            static async (server, prompt, token) =>
            {
                CheckModel(prompt.PreparedFor, await server.Family.GetModelInfoAsync(token).ConfigureAwait(false));
                return await server.Family.EmbedAsync(prompt.Ids, server.Connections, token).ConfigureAwait(false);
            },
            (Ids: promptIds, PreparedFor: preparedFor),
            cancellationToken);

    public Task<VllmHealth> HealthAsync(CancellationToken cancellationToken = default) =>
        AskAsync(static (server, _, token) => server.Family.HealthAsync(token), false, cancellationToken);

    public async Task<IReadOnlyList<VllmHealth>> GetEndpointHealthAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return await Task.WhenAll(_endpoints.All.Select(endpoint => endpoint.CheckHealthAsync(cancellationToken))).ConfigureAwait(false);
    }

    public Task<VllmServerInfo> GetServerInfoAsync(CancellationToken cancellationToken = default) =>
        AskAsync(static (server, _, token) => server.Family.GetServerInfoAsync(token), false, cancellationToken);

    public Task<IReadOnlyList<VllmLoad>> GetLoadsAsync(CancellationToken cancellationToken = default) =>
        AskAsync(static (server, _, token) => server.Family.GetLoadsAsync(token), false, cancellationToken);

    public Task<IReadOnlyDictionary<string, ReadOnlyMemory<byte>>> GetTokenizerBundleAsync(
        IProgress<TransferProgress>? progress = null, VllmModelInfo? model = null, CancellationToken cancellationToken = default) =>
        AskAsync(
            static async (server, wish, token) =>
            {
                CheckModel(wish.Model, wish.Model is null ? null : await server.Family.GetModelInfoAsync(token).ConfigureAwait(false));
                return await server.Family.GetTokenizerBundleAsync(wish.Progress, server.Connections, token).ConfigureAwait(false);
            },
            (Progress: progress, Model: model),
            cancellationToken);

    public Task<IReadOnlyList<LoraAdapterInfo>> ListLorasAsync(CancellationToken cancellationToken = default) =>
        AskAsync(static (server, _, token) => server.Family.ListLorasAsync(token), false, cancellationToken);

    public async Task AbortAsync(IReadOnlyList<string> requestIds, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(requestIds);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);

        // Which server has a request is known to nobody but the servers; unknown ids do no harm.
        await Task.WhenAll(_endpoints.All.Where(endpoint => !endpoint.IsSetAside || _endpoints.All.Count == 1).Select(async endpoint =>
        {
            var server = await endpoint.GetServerAsync(cancellationToken).ConfigureAwait(false);
            await server.Family.AbortAsync(requestIds, null, cancellationToken).ConfigureAwait(false);
        })).ConfigureAwait(false);
    }

    public IAsyncEnumerable<GenerationUpdate> GenerateAsync(GenerationRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return request.Sampling.ChoiceCount > 1 ? SplitAsync(request, cancellationToken) : RunAsync(request, cancellationToken);
    }

    /// <summary>Ends every running call with <see cref="ObjectDisposedException"/> and aborts it on its server; waits for that at most the abort timeout.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _stopping.CancelAsync().ConfigureAwait(false);
        await CloseAsync().ConfigureAwait(false);
    }

    /// <summary>As <see cref="DisposeAsync"/>, but the aborts go out in the background: disposing blocks no thread.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _stopping.Cancel();
            _ = CloseAsync();
        }
    }

    /// <summary>The resets of the calls are on their way; what follows is the aborts and, when they are through, the connections. Does not throw.</summary>
    private async Task CloseAsync()
    {
        GenerationRun[] running;
        lock (_running)
        {
            running = [.. _running];
        }

        foreach (var run in running)
        {
            run.Abort();
        }

        await _aborts.DrainAsync().ConfigureAwait(false);
        foreach (var endpoint in _endpoints.All)
        {
            endpoint.Dispose();
        }
    }

    /// <summary>What a call that was ended by a token throws: the caller's cancellation with the caller's token, or that the engine is gone.</summary>
    private Exception Ended(OperationCanceledException exception, CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested ? new OperationCanceledException(exception.Message, exception, cancellationToken)
        : _stopping.IsCancellationRequested ? new ObjectDisposedException(nameof(IVllmEngine), "The engine was disposed while the call was running.")
        : exception;

    private async IAsyncEnumerable<GenerationUpdate> RunAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        GenerationRun started;
        try
        {
            started = await StartAsync(request, stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception)
        {
            throw Ended(exception, cancellationToken);
        }

        using var run = started;
        var call = run.Call;
        var more = run.HasMessage;
        while (more)
        {
            var update = run.Read();
            if (update is not null)
            {
                update.Model = run.Model;
                yield return update;
            }

            try
            {
                more = await call.MoveNextAsync().ConfigureAwait(false);
            }
            catch (OperationCanceledException exception)
            {
                throw Ended(exception, cancellationToken);
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
                while (true)
                {
                    var endpoint = _endpoints.Select(request.PromptIds.Span, failed);
                    var requestId = request.RequestId ?? RequestIds.Next();
                    endpoint.Enter();
                    try
                    {
                        return await AtServerAsync(endpoint, (server, stop) => StartAtAsync(endpoint, server, request, requestId, stop), token).ConfigureAwait(false);
                    }
                    catch (Exception e)
                    {
                        endpoint.Leave();
                        endpoint.Observe(e);
                        failed.Add(endpoint);

                        if (MayAskAnother(e, failed))
                        {
                            continue;
                        }

                        if (RetryPipeline.IsSafe(e, _endpoints.All.Count))
                        {
                            Log.Retrying(_logger, requestId, e);
                        }

                        throw;
                    }
                }
            },
            cancellationToken).ConfigureAwait(false);
    }

    private async Task<GenerationRun> StartAtAsync(
        ServerEndpoint endpoint, KnownServer server, GenerationRequest request, string requestId, CancellationToken cancellationToken)
    {
        var family = server.Family;
        var model = await family.GetModelInfoAsync(cancellationToken).ConfigureAwait(false);
        CheckModel(request.PreparedFor, model);
        var capabilities = await family.GetCapabilitiesAsync(cancellationToken).ConfigureAwait(false);
        request = PromptTruncation.Apply(request);
        RequestValidator.Check(request, request.Sampling, model, capabilities);
        var sampling = SamplingFiller.Fill(request, model, _options.ApplyModelSamplingDefaults);
        var generation = family.Encode(request, sampling, requestId);
        var run = new GenerationRun(endpoint, family, request, requestId, _aborts, _running) { Model = model };
        try
        {
            await run.StartAsync(
                new GrpcCallRequest
                {
                    Method = generation.Method,
                    Frame = generation.Frame,
                    RequestId = requestId,
                    ExpectedConnections = server.Connections,
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

    private async Task<T> AskAsync<T, TState>(Func<KnownServer, TState, CancellationToken, Task<T>> ask, TState state, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        var failed = new List<ServerEndpoint>();
        try
        {
            return await _retry.ExecuteAsync(
                async token =>
                {
                    while (true)
                    {
                        var endpoint = _endpoints.Select([], failed);
                        try
                        {
                            return await AtServerAsync(endpoint, (server, end) => ask(server, state, end), token).ConfigureAwait(false);
                        }
                        catch (VllmException e)
                        {
                            endpoint.Observe(e);
                            failed.Add(endpoint);
                            if (!MayAskAnother(e, failed))
                            {
                                throw;
                            }
                        }
                    }
                },
                stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception)
        {
            throw Ended(exception, cancellationToken);
        }
    }

    /// <summary>Another server of the list may still have the model the prompt was made for.</summary>
    private bool MayAskAnother(Exception exception, List<ServerEndpoint> failed) =>
        exception is VllmModelChangedException && !_endpoints.All.All(failed.Contains);

    /// <summary>
    /// Acts on what is known of a server. When a new connection was opened meanwhile, or a method the server had is gone, the server is asked anew and the
    /// act begins again: nothing was sent, or nothing was done.
    /// </summary>
    private static async ValueTask<T> AtServerAsync<T>(ServerEndpoint endpoint, Func<KnownServer, CancellationToken, Task<T>> act, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var server = await endpoint.GetServerAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return await act(server, cancellationToken).ConfigureAwait(false);
            }
            catch (ConnectionRenewedException e)
            {
                if (attempt == MaxRenewals)
                {
                    throw new VllmConnectionException($"Connections to {endpoint.Uri} are replaced again and again; the request was not sent.", e)
                    {
                        StatusCode = VllmStatusCode.Unavailable,
                        Endpoint = endpoint.Uri,
                        IsRetryable = true,
                    };
                }
            }
            catch (VllmRequestException e) when (e.StatusCode == VllmStatusCode.Unimplemented && e.Method is not null && attempt == 1 && endpoint.Forget(server))
            {
                var renewed = await endpoint.GetServerAsync(cancellationToken).ConfigureAwait(false);
                if (renewed.Family.Protocol == server.Family.Protocol)
                {
                    throw;
                }
            }
        }
    }

    private static void CheckModel(VllmModelInfo? prepared, VllmModelInfo? served)
    {
        if (prepared is not null && served is not null && ModelMatch.AreNamedDifferently(prepared, served) && ModelMatch.HaveSameTokens(prepared, served))
        {
            throw new VllmRequestException(
                $"The endpoints serve different models: {prepared.Endpoint} serves '{prepared.ServedModelName}' and {served.Endpoint} serves '{served.ServedModelName}'; nothing was sent. "
                + "The endpoints of one client must serve the same model; create a client for each model.")
            {
                StatusCode = VllmStatusCode.FailedPrecondition,
                Endpoint = served.Endpoint,
                Parameter = nameof(VllmConnectionOptions.Endpoints),
            };
        }

        if (prepared is not null && served is not null && !ModelMatch.Fits(prepared, served))
        {
            throw new VllmModelChangedException(
                $"{served.Endpoint} now serves '{served.ServedModelName}' and not what the prompt was made for, '{prepared.ServedModelName}' as told by {prepared.Endpoint}; nothing was sent. "
                + "Make the prompt again with the tokenizer of the model that is served now.")
            {
                StatusCode = VllmStatusCode.FailedPrecondition,
                Endpoint = served.Endpoint,
                Model = served,
            };
        }
    }
}
