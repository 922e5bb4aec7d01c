using System.Runtime.CompilerServices;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Grpc;

/// <summary>The engine for one or more servers. The steps of a generation are in <see cref="RunAsync"/> and <see cref="StartAsync"/>.</summary>
internal sealed class ServerPool : IVllmEngine
{
    private readonly VllmConnectionOptions _options;
    private readonly ServerEndpoint[] _endpoints;
    private readonly EndpointSelector _selector;
    private readonly CallLoop _loop;
    private readonly AbortSender _aborts;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly HashSet<GenerationRun> _running = [];
    private int _disposed;

    public ServerPool(VllmConnectionOptions options, ILoggerFactory loggerFactory)
    {
        _logger = loggerFactory.CreateLogger("Connectors.Vllm.Grpc");
        _options = options;
        _aborts = new AbortSender(options.AbortTimeout, _logger);
        _endpoints = [.. options.Endpoints.Select(uri => new ServerEndpoint(ServerChannel.Create(uri, options, loggerFactory), _logger))];
        _selector = new EndpointSelector(_endpoints, options.PrefixAffinity);
        _loop = new CallLoop(_selector, options.Retry, _logger);
    }

    public ILogger Logger => _logger;

    public TimeSpan WaitForReady => _options.Retry.WaitForReady;

    public VllmProtocol Protocol => _endpoints[0].Protocol;

    public Uri Endpoint => _endpoints[0].Uri;

    public ValueTask<VllmCapabilities> GetCapabilitiesAsync(CancellationToken cancellationToken = default) =>
        new(QueryAsync(static (protocol, token) => protocol.GetCapabilitiesAsync(token).AsTask(), cancellationToken));

    public ValueTask<VllmModelInfo> GetModelInfoAsync(CancellationToken cancellationToken = default) =>
        new(QueryAsync(static (protocol, token) => protocol.GetModelInfoAsync(token).AsTask(), cancellationToken));

    public Task<VllmHealth> HealthAsync(CancellationToken cancellationToken = default) =>
        QueryAsync(static (protocol, token) => protocol.HealthAsync(token), cancellationToken);

    public async Task<IReadOnlyList<VllmHealth>> GetEndpointHealthAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return await Task.WhenAll(_endpoints.Select(endpoint => endpoint.CheckHealthAsync(cancellationToken))).ConfigureAwait(false);
    }

    public Task<VllmServerInfo> GetServerInfoAsync(CancellationToken cancellationToken = default) =>
        QueryAsync(static (protocol, token) => protocol.GetServerInfoAsync(token), cancellationToken);

    public Task<IReadOnlyList<VllmLoad>> GetLoadsAsync(CancellationToken cancellationToken = default) =>
        QueryAsync(static (protocol, token) => protocol.GetLoadsAsync(token), cancellationToken);

    public Task<IReadOnlyList<string>> ListLorasAsync(CancellationToken cancellationToken = default) =>
        QueryAsync(static (protocol, token) => protocol.ListLorasAsync(token), cancellationToken);

    public Task<EmbeddingResult> EmbedAsync(
        ReadOnlyMemory<int> promptIds, VllmModelInfo? preparedFor = null, CancellationToken cancellationToken = default) =>
        ExecuteAsync(
            preparedFor?.Endpoint,
            needsSendPermit: true,
            async (attempt, token) =>
            {
                await ModelGuard.CheckAsync(preparedFor, attempt.Server, token).ConfigureAwait(false);
                var call = attempt.Endpoint.Channel.NewCall(GenerationRequest.NewRequestId(), attempt.Server.Epoch, sendPermit: attempt.SendPermit);
                return await attempt.Server.Protocol.EmbedAsync(promptIds, call, token).ConfigureAwait(false);
            },
            cancellationToken);

    public Task<IReadOnlyDictionary<string, ReadOnlyMemory<byte>>> GetTokenizerBundleAsync(
        IProgress<long>? progress = null, VllmModelInfo? model = null, CancellationToken cancellationToken = default) => ExecuteAsync(
            model?.Endpoint,
            needsSendPermit: false,
            async (attempt, token) =>
            {
                if (model is not null)
                {
                    await ModelGuard.CheckAsync(model, attempt.Server, token).ConfigureAwait(false);
                }

                var call = new CallContext
                {
                    Channel = attempt.Endpoint.Channel,
                    ExpectedEpoch = attempt.Server.Epoch,
                    Timeout = _options.TokenizerTimeout,
                    TimeoutOption = nameof(_options.TokenizerTimeout),
                };
                return await attempt.Server.Protocol.GetTokenizerBundleAsync(progress, call, token).ConfigureAwait(false);
            },
            cancellationToken);

    public async Task AbortAsync(IReadOnlyList<string> requestIds, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(requestIds);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);

        var ids = requestIds.ToHashSet(StringComparer.Ordinal);
        lock (_running)
        {
            // A request that was retried, or that is one of several choices, has a different id on its server.
            ids.UnionWith(_running.Where(run => run.TryRequestAbort(requestIds)).Select(static run => run.RequestId));
        }

        // The client does not know which server has a request; servers ignore unknown ids.
        await Task.WhenAll(_endpoints.Where(endpoint => !endpoint.IsSetAside || _endpoints.Length == 1).Select(async endpoint =>
        {
            var server = await endpoint.GetServerAsync(cancellationToken).ConfigureAwait(false);
            await server.Protocol.AbortAsync([.. ids], endpoint.Channel.NewCall(), cancellationToken).ConfigureAwait(false);
        })).ConfigureAwait(false);
    }

    public IAsyncEnumerable<GenerationUpdate> GenerateAsync(GenerationRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return request.Sampling.ChoiceCount > 1 ? GenerateChoicesAsync(request, cancellationToken) : RunAsync(request, cancellationToken);
    }

    /// <summary>
    /// Ends every running call with <see cref="ObjectDisposedException"/> and aborts it on its server; waits for that at most the abort timeout.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _stopping.CancelAsync().ConfigureAwait(false);
        await CloseAsync().ConfigureAwait(false);
    }

    /// <summary>Like <see cref="DisposeAsync"/>, but sends the aborts in the background, so that no thread is blocked.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _stopping.Cancel();
            _ = CloseAsync();
        }
    }

    /// <summary>Sends the aborts of the calls that were just reset and, when they have completed, closes the connections. Does not throw.</summary>
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
        foreach (var endpoint in _endpoints)
        {
            endpoint.Dispose();
        }
    }

    /// <summary>
    /// Translates a cancellation: an exception with the caller's token if the caller cancelled, or <see cref="ObjectDisposedException"/> if the
    /// engine was disposed.
    /// </summary>
    private Exception TranslateCancellation(OperationCanceledException exception, CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested ? new OperationCanceledException(exception.Message, exception, cancellationToken)
        : _stopping.IsCancellationRequested ? new ObjectDisposedException(nameof(IVllmEngine), "The engine was disposed while the call was running.")
        : exception;

    private async IAsyncEnumerable<GenerationUpdate> RunAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        GenerationRun run;
        EndpointLease lease;
        try
        {
            (run, lease) = await _loop.RunAsync(
                request.PromptIds, preferred: null, needsSendPermit: true, (attempt, token) => StartAsync(attempt, request, token), stop.Token)
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException exception)
        {
            throw TranslateCancellation(exception, cancellationToken);
        }

        using var busy = lease;
        using var running = run;
        var more = run.HasMessage;
        while (more)
        {
            var update = run.Read();
            if (update is not null)
            {
                update.Model = run.Model;
                update.StopStringsOmitted = run.StopStringsOmitted;
                yield return update;
            }

            try
            {
                run.ThrowIfInterrupted();
                more = await run.MoveNextAsync().ConfigureAwait(false);
            }
            catch (OperationCanceledException exception)
            {
                throw TranslateCancellation(exception, cancellationToken);
            }
            catch (VllmException exception)
            {
                if (run.IsComplete
                    && exception is VllmTimeoutException { ServerMessage.Length: 0 } or VllmProtocolException { StatusCode: StatusCode.Unknown })
                {
                    // The answer is complete; only the gRPC status is missing.
                    Log.EndedWithoutStatus(_logger, lease.Endpoint.Uri, exception.RequestId ?? string.Empty, exception.Message);
                    break;
                }

                lease.Endpoint.Observe(exception, _selector.MaySetAside(lease.Endpoint));
                var failure = run.Translate(exception);
                if (failure != exception)
                {
                    throw failure;
                }

                throw;
            }
        }

        run.Complete();
    }

    /// <summary>Generates several choices in one call if the server supports it, or otherwise with one call per choice.</summary>
    private async IAsyncEnumerable<GenerationUpdate> GenerateChoicesAsync(
        GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        RequestValidator.CheckChoices(request.Sampling);
        var capabilities = await GetCapabilitiesAsync(cancellationToken).ConfigureAwait(false);
        var updates = capabilities.MultipleChoices
            ? RunAsync(request, cancellationToken)
            : ChoiceFanOut.RunAsync(request, RunAsync, cancellationToken);
        await foreach (var update in updates.ConfigureAwait(false))
        {
            yield return update;
        }
    }

    /// <summary>Runs one attempt: validates the request and applies defaults for this server, sends it and waits for the first tokens.</summary>
    private async Task<GenerationRun> StartAsync(Attempt attempt, GenerationRequest request, CancellationToken cancellationToken)
    {
        var protocol = attempt.Server.Protocol;
        var served = await ModelGuard.CheckAsync(request.PreparedFor, attempt.Server, cancellationToken).ConfigureAwait(false);
        var capabilities = await protocol.GetCapabilitiesAsync(cancellationToken).ConfigureAwait(false);

        // What the server does not report, the caller may know from the model's files.
        var model = served with
        {
            ContextLength = served.ContextLength ?? request.ContextLength,
            VocabularySize = served.VocabularySize ?? request.VocabularySize,
            DefaultSampling = served.DefaultSampling ?? request.ModelDefaults,
        };
        RequestValidator.CheckTruncation(request);
        request = request.WithTruncatedPrompt();
        RequestValidator.Check(request, request.Sampling, model, capabilities);
        var sampling = SamplingDefaults.Apply(request, model, _options.ApplyModelSamplingDefaults);
        if (request.Constraint is not null && sampling.MinTokens > 0)
        {
            // Some servers mask every token when the constraint allows only the end of the answer and the minimum forbids it.
            Log.MinTokensIgnored(_logger, sampling.MinTokens.Value);
            sampling = sampling with { MinTokens = null };
        }

        var run = await SendConstrainedAsync(attempt, request, sampling, served, cancellationToken).ConfigureAwait(false);
        attempt.Endpoint.MarkWorking();
        return run;
    }

    /// <summary>
    /// Sends a request whose constraint exists in two languages in the one that the server accepts; if it is refused, tries the other one once.
    /// </summary>
    private async Task<GenerationRun> SendConstrainedAsync(
        Attempt attempt, GenerationRequest request, SamplingOptions sampling, VllmModelInfo served, CancellationToken cancellationToken)
    {
        if (request.Constraint is not { Alternative: not null } constraint)
        {
            return await SendAsync(attempt, attempt.Number, request, sampling, served, cancellationToken).ConfigureAwait(false);
        }

        var language = attempt.Endpoint.ConstraintLanguage;
        var sent = language.Choose(constraint, attempt.Server.Protocol.Protocol);
        try
        {
            return await SendAsync(attempt, attempt.Number, request with { Constraint = sent }, sampling, served, cancellationToken)
                .ConfigureAwait(false);
        }
        catch (VllmConstraintException first)
        {
            var other = ConstraintLanguage.Other(constraint, sent);
            Log.ConstraintRefused(_logger, attempt.Endpoint.Uri, first.RequestId ?? string.Empty, sent.Kind, other.Kind, first.Message);
            try
            {
                var run = await SendAsync(attempt, attempt.Number + 1, request with { Constraint = other }, sampling, served, cancellationToken)
                    .ConfigureAwait(false);
                language.Remember(constraint, other);
                return run;
            }
            catch (VllmConstraintException second)
            {
                throw ConstraintLanguage.BothRefused(constraint, first, second);
            }
        }
    }

    private async Task<GenerationRun> SendAsync(
        Attempt attempt, int number, GenerationRequest request, SamplingOptions sampling, VllmModelInfo served, CancellationToken cancellationToken)
    {
        var call = new CallContext
        {
            Channel = attempt.Endpoint.Channel,
            RequestId = RequestIds.ForAttempt(request.RequestId, number),
            ExpectedEpoch = attempt.Server.Epoch,
            SendPermit = attempt.SendPermit,
            Metadata = attempt.Server.Protocol.GetMetadata(request),
            Timeout = _options.GenerationTimeout,
            TimeoutOption = nameof(_options.GenerationTimeout),
            FirstTokenTimeout = _options.FirstTokenTimeout,
            BetweenTokensTimeout = _options.BetweenTokensTimeout,
        };
        var run = new GenerationRun(attempt, request, sampling, call, _aborts, _running, cancellationToken) { Model = served };
        try
        {
            await WaitForFirstTokenAsync(run, attempt.Endpoint, cancellationToken).ConfigureAwait(false);
            return run;
        }
        catch (VllmException exception) when (request.StopStrings.Count > 0 && ServerErrors.LacksTokenizer(exception))
        {
            // The consumer of the answer looks for the stop strings in the text.
            Log.StopStringsOmitted(_logger, attempt.Endpoint.Uri, request.StopStrings.Count);
            request = request with { StopStrings = [], StopStringsOmitted = true };
            return await SendAsync(attempt, number + 1, request, sampling, served, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Waits for the first tokens. A server whose engine has died may never answer and report it only in its health check, so its health is probed in
    /// each interval without a message.
    /// </summary>
    private async Task WaitForFirstTokenAsync(GenerationRun run, ServerEndpoint endpoint, CancellationToken cancellationToken)
    {
        var start = run.StartAsync();
        while (!start.IsCompleted && !cancellationToken.IsCancellationRequested && _options.ProbeInterval > TimeSpan.Zero)
        {
            using var interval = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            await Task.WhenAny(start, Task.Delay(_options.ProbeInterval, interval.Token)).ConfigureAwait(false);
            await interval.CancelAsync().ConfigureAwait(false);
            if (!start.IsCompleted && !cancellationToken.IsCancellationRequested
                && await endpoint.ProbeWhileWaitingAsync().ConfigureAwait(false) is { IsHealthy: false } health && ServerErrors.IsEngineDead(health))
            {
                run.CancelStart();
                await start.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                throw run.EngineDead(health);
            }
        }

        await start.ConfigureAwait(false);
    }

    private Task<T> QueryAsync<T>(Func<IServerProtocol, CancellationToken, Task<T>> query, CancellationToken cancellationToken) =>
        ExecuteAsync(preferred: null, needsSendPermit: false, (attempt, token) => query(attempt.Server.Protocol, token), cancellationToken);

    private async Task<T> ExecuteAsync<T>(
        Uri? preferred, bool needsSendPermit, Func<Attempt, CancellationToken, Task<T>> operation, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        try
        {
            var (result, lease) = await _loop.RunAsync(default, preferred, needsSendPermit, operation, stop.Token).ConfigureAwait(false);
            lease.Dispose();
            return result;
        }
        catch (OperationCanceledException exception)
        {
            throw TranslateCancellation(exception, cancellationToken);
        }
    }
}
