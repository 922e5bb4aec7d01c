using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// A generation in flight: the call, the reader of its messages, and its cleanup. Disposing it before its end resets the call and aborts the request.
/// </summary>
internal sealed class GenerationRun : IDisposable
{
    private readonly Attempt _attempt;
    private readonly GenerationRequest _request;
    private readonly CallContext _context;
    private readonly AbortSender _aborts;
    private readonly HashSet<GenerationRun> _running;
    private readonly GenerationReader _reader;
    private readonly StreamCall<object> _call;
    private readonly Queue<GenerationUpdate?> _buffered = new();
    private bool _closed;
    private int _aborted;
    private volatile bool _abortRequested;
    private VllmConnectionException? _interruption;

    public GenerationRun(
        Attempt attempt,
        GenerationRequest request,
        SamplingOptions sampling,
        CallContext context,
        AbortSender aborts,
        HashSet<GenerationRun> running,
        CancellationToken cancellationToken)
    {
        _attempt = attempt;
        _request = request;
        _context = context;
        _aborts = aborts;
        _running = running;
        _reader = attempt.Server.Protocol.CreateReader(request, sampling.MaxTokens);

        // Registered before the request is sent, because it may be aborted at any time after that.
        lock (running)
        {
            running.Add(this);
        }

        try
        {
            _call = attempt.Server.Protocol.Generate(request, sampling, context, cancellationToken);
        }
        catch
        {
            Unregister();
            throw;
        }
    }

    /// <summary>The id with which the request was sent.</summary>
    public string RequestId => _context.RequestId!;

    /// <summary>Whether the caller's stop strings were not sent to the server.</summary>
    public bool StopStringsOmitted => _request.StopStringsOmitted;

    /// <summary>The model of the server that runs the request.</summary>
    public VllmModelInfo? Model { get; init; }

    /// <summary>Whether a message has been received; false only if the stream ended successfully without any.</summary>
    public bool HasMessage { get; private set; }

    /// <summary>Whether every choice has ended.</summary>
    public bool IsComplete => _reader.IsComplete;

    /// <summary>
    /// Waits for the first tokens. A failure until then, even one that the server reports only in its final message, can be retried.
    /// </summary>
    public async Task StartAsync()
    {
        try
        {
            HasMessage = await _call.MoveNextAsync().ConfigureAwait(false);
            for (var more = HasMessage; more;)
            {
                var update = ReadMessage();
                if (_interruption is not null && update is null)
                {
                    throw _interruption;
                }

                _buffered.Enqueue(update);
                more = !HasAnswer(update) && await _call.MoveNextAsync().ConfigureAwait(false);
            }
        }
        catch (Exception exception)
        {
            // After a cancellation or a timeout the server may still be working, unless the message was held back.
            Close(exception is not ConnectionRenewedException && !_call.IsEnded);
            if (exception is VllmException failure && Translate(failure) is { } translated && translated != failure)
            {
                throw translated;
            }

            throw;
        }
    }

    public ValueTask<bool> MoveNextAsync() => _buffered.Count > 0 ? new(true) : _call.MoveNextAsync();

    /// <summary>Reads the update in the current message; null if it contains none.</summary>
    public GenerationUpdate? Read() => _buffered.TryDequeue(out var buffered) ? buffered : ReadMessage();

    /// <summary>Translates a failure for the caller: refusals of the constraint become <see cref="VllmConstraintException"/>.</summary>
    public VllmException Translate(VllmException exception) =>
        _request.Constraint is { } constraint ? ConstraintFailures.Translate(exception, constraint) : exception;

    /// <summary>
    /// Whether the caller knows the request, or the one it is a part of, by one of these ids. If so, an abort by the server is expected from now on.
    /// </summary>
    public bool TryRequestAbort(IReadOnlyList<string> ids)
    {
        _abortRequested |= ids.Contains(RequestId) || ids.Contains(_request.RequestId) || ids.Contains(_request.PartOf);
        return _abortRequested;
    }

    /// <summary>Throws, after the last tokens, if the server aborted the request on its own.</summary>
    public void ThrowIfInterrupted()
    {
        if (_interruption is not null && _buffered.Count == 0)
        {
            throw _interruption;
        }
    }

    /// <summary>Called when the call has ended successfully; throws if the answer is incomplete.</summary>
    public void Complete()
    {
        if (!_reader.IsComplete)
        {
            throw _call.Errors.Protocol(
                $"{_context.Endpoint} ended request {_context.RequestId} without the final message of the answer; the received answer is incomplete.",
                StatusCode.DataLoss,
                inner: null,
                retryable: true);
        }
    }

    public void Dispose() => Close(!_call.IsEnded);

    /// <summary>Cancels a <see cref="StartAsync"/> that is still waiting. No abort is sent: the engine is dead.</summary>
    public void CancelStart()
    {
        Interlocked.Exchange(ref _aborted, 1);
        _call.Reset();
    }

    /// <summary>Creates the exception for a server whose health check reports that its engine has died.</summary>
    public VllmException EngineDead(VllmHealth health) => new VllmConnectionException(
        $"{_context.Endpoint} does not answer request {_context.RequestId}, and its health is '{health.Message}'.")
    {
        StatusCode = StatusCode.Unavailable,
        ServerMessage = health.Message,
        Method = _call.Errors.Method,
        RequestId = _context.RequestId,
        Endpoint = _context.Endpoint,
        IsEngineDead = true,
    };

    /// <summary>Aborts the request on the server, once. Safe to call concurrently with a reader, because the call itself is not touched.</summary>
    public void Abort()
    {
        if (Interlocked.Exchange(ref _aborted, 1) == 0)
        {
            _aborts.Send(_attempt, _context.RequestId!);
        }
    }

    private void Close(bool serverMayBeWorking)
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        Unregister();
        _call.Dispose();
        if (serverMayBeWorking)
        {
            Abort();
        }
    }

    private void Unregister()
    {
        lock (_running)
        {
            _running.Remove(this);
        }
    }

    private GenerationUpdate? ReadMessage()
    {
        GenerationUpdate? update;
        try
        {
            update = _reader.Read(_call.Current);
        }
        catch (Exception exception) when (exception is not VllmException)
        {
            throw _call.Errors.Unreadable(exception);
        }

        if (GenerationReader.IsProgress(update))
        {
            _call.ReportProgress();
            if (update!.Finish is { } finish)
            {
                CheckFinish(finish);
                if (_reader.IsComplete)
                {
                    _call.ExpectEnd();
                }

                if (finish.Reason == GenerationFinishReason.Abort && !_abortRequested)
                {
                    _interruption = CreateInterruption();
                    return GenerationReader.IsProgress(update = update.With(update.Index, finish: null)) ? update : null;
                }
            }
        }

        return update;
    }

    /// <summary>
    /// A server that shuts down, or whose administrator aborts requests, may end them like a regular answer with the finish reason abort.
    /// </summary>
    private VllmConnectionException CreateInterruption()
    {
        Interlocked.Exchange(ref _aborted, 1);
        return new($"{_context.Endpoint} aborted request {RequestId} on its own: the answer is incomplete. The server may be "
            + "shutting down.")
        {
            StatusCode = StatusCode.Aborted,
            Method = _call.Errors.Method,
            RequestId = RequestId,
            Endpoint = _context.Endpoint,
            IsRetryable = true,
        };
    }

    /// <summary>
    /// Whether an update shows that the server answers and that the constraint works: the end of an answer, or tokens other than a single stop token.
    /// </summary>
    private bool HasAnswer(GenerationUpdate? update) => GenerationReader.IsProgress(update)
        && (_request.Constraint is null || update!.Finish is not null || update.TokenIds.Length != 1
            || !_request.StopTokenIds.Contains(update.TokenIds.Span[0]));

    private void CheckFinish(GenerationFinish finish)
    {
        if (ConstraintFailures.Explain(finish, _request) is { } why)
        {
            throw new VllmConstraintException($"The constraint ({_request.Constraint}) failed at {_context.Endpoint}: {why}.")
            {
                Constraint = _request.Constraint,
                StatusCode = StatusCode.InvalidArgument,
                Method = _call.Errors.Method,
                RequestId = _context.RequestId,
                Endpoint = _context.Endpoint,
            };
        }

        if (finish.RawReason == "error")
        {
            throw new VllmException($"{_context.Endpoint} ended request {_context.RequestId} with the finish reason 'error'.")
            {
                StatusCode = StatusCode.Internal,
                Method = _call.Errors.Method,
                RequestId = _context.RequestId,
                Endpoint = _context.Endpoint,
            };
        }
    }
}

/// <summary>
/// Aborts abandoned requests on their servers in the background. Resetting the call usually stops the server already, so this is not awaited and
/// failures are only logged. At most <see cref="MaxPending"/> aborts run at a time.
/// </summary>
internal sealed class AbortSender(TimeSpan timeout, ILogger logger)
{
    private const int MaxPending = 256;

    private readonly HashSet<Task> _pending = [];

    public void Send(Attempt attempt, string requestId)
    {
        if (attempt.Server.Protocol.Protocol == VllmProtocol.LegacyInference)
        {
            return;
        }

        Log.Aborting(logger, requestId, attempt.Endpoint.Uri);
        lock (_pending)
        {
            if (_pending.Count < MaxPending)
            {
                var task = Task.Run(() => AbortAsync(attempt, requestId));
                _pending.Add(task);
                _ = task.ContinueWith(Remove, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }
        }
    }

    /// <summary>Completes when all aborts sent so far have completed.</summary>
    public Task DrainAsync()
    {
        lock (_pending)
        {
            return Task.WhenAll([.. _pending]);
        }
    }

    private void Remove(Task task)
    {
        lock (_pending)
        {
            _pending.Remove(task);
        }
    }

    private async Task AbortAsync(Attempt attempt, string requestId)
    {
        try
        {
            await attempt.Server.Protocol
                .AbortAsync([requestId], attempt.Endpoint.Channel.NewCall(requestId, timeout: timeout), CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is VllmException or OperationCanceledException or ObjectDisposedException)
        {
            Log.AbortFailed(logger, requestId, attempt.Endpoint.Uri, exception);
        }
    }
}
