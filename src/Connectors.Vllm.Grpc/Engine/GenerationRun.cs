using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// A generation in flight: the call, the reader of its messages, and what has to happen when it is left. Disposing it before its end resets the
/// call and has the request aborted.
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
    private readonly Queue<GenerationUpdate?> _early = new();
    private bool _left;
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

        // Before the server has it: an abort may come at any time after that.
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

    /// <summary>The id it was sent under.</summary>
    public string RequestId => _context.RequestId!;

    /// <summary>The server looks for no stop strings, although the caller has some.</summary>
    public bool StopsLeftOut => _request.StopsLeftOut;

    /// <summary>The model of the server it runs on.</summary>
    public VllmModelInfo? Model { get; init; }

    /// <summary>The first message is there (it always is, unless the stream ended well without any).</summary>
    public bool HasMessage { get; private set; }

    /// <summary>Every choice has had its end.</summary>
    public bool IsComplete => _reader.IsComplete;

    /// <summary>
    /// Waits for the first tokens: until then a failure, also one that the server tells only with its last message, may be answered by another
    /// attempt.
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

                _early.Enqueue(update);
                more = !HasAnswer(update) && await _call.MoveNextAsync().ConfigureAwait(false);
            }
        }
        catch (Exception exception)
        {
            // A call that was cancelled, or that a limit ended, may have left the server at work; one that kept its message back has not.
            Leave(exception is not ConnectionRenewedException && !_call.IsEnded);
            if (exception is VllmException failure && Translate(failure) is { } translated && translated != failure)
            {
                throw translated;
            }

            throw;
        }
    }

    public ValueTask<bool> MoveNextAsync() => _early.Count > 0 ? new(true) : _call.MoveNextAsync();

    /// <summary>The update in the current message; null when it holds none.</summary>
    public GenerationUpdate? Read() => _early.TryDequeue(out var early) ? early : ReadMessage();

    /// <summary>A failure as the caller sees it: refusals of a constraint are recognised in one place.</summary>
    public VllmException Translate(VllmException exception) =>
        _request.Constraint is { } constraint ? ConstraintFailures.Translate(exception, constraint) : exception;

    /// <summary>
    /// Whether the request, or the one it is a part of, is known to the caller under one of these ids; then the caller has it aborted.
    /// </summary>
    public bool TryRequestAbort(IReadOnlyList<string> ids)
    {
        _abortRequested |= ids.Contains(RequestId) || ids.Contains(_request.RequestId) || ids.Contains(_request.PartOf);
        return _abortRequested;
    }

    /// <summary>Throws, after the last tokens, when the server aborted the request on its own.</summary>
    public void ThrowIfInterrupted()
    {
        if (_interruption is not null && _early.Count == 0)
        {
            throw _interruption;
        }
    }

    /// <summary>The call has ended well; throws when the answer has not.</summary>
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

    public void Dispose() => Leave(!_call.IsEnded);

    /// <summary>Ends a start that has not come to its end.</summary>
    public void GiveUp()
    {
        Interlocked.Exchange(ref _aborted, 1);
        _call.Cut();
    }

    /// <summary>What is thrown for a server that says, when asked, that its engine is not alive.</summary>
    public VllmException Dead(VllmHealth health) => new VllmConnectionException(
        $"{_context.Endpoint} does not answer request {_context.RequestId}, and its health is '{health.Message}'.")
    {
        StatusCode = StatusCode.Unavailable,
        ServerMessage = health.Message,
        Method = _call.Errors.Method,
        RequestId = _context.RequestId,
        Endpoint = _context.Endpoint,
        IsEngineDead = true,
    };

    /// <summary>Has the request aborted on the server, once. Safe beside a reader: the call itself is left to it.</summary>
    public void Abort()
    {
        if (Interlocked.Exchange(ref _aborted, 1) == 0)
        {
            _aborts.Send(_attempt, _context.RequestId!);
        }
    }

    private void Leave(bool serverMayWork)
    {
        if (_left)
        {
            return;
        }

        _left = true;
        Unregister();
        _call.Dispose();
        if (serverMayWork)
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
            throw _call.Errors.Senseless(exception);
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
                    _interruption = Interrupted();
                    return GenerationReader.IsProgress(update = update.With(update.Index, finish: null)) ? update : null;
                }
            }
        }

        return update;
    }

    /// <summary>A server that shuts down, or whose administrator ends requests, may say so as if it were an end like any other.</summary>
    private VllmConnectionException Interrupted()
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
    /// Whether an update shows that the server answers, and that a constraint works: the end of an answer, or a token other than a lone one that ends
    /// it.
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
/// Tells servers to abort abandoned requests, in the background: the reset of the call has done most of it already, so nobody waits for this
/// and a failure is only logged. At most <see cref="MaxPending"/> at a time.
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

    /// <summary>Completes when everything that was sent so far has ended.</summary>
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
