using Google.Protobuf;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// A generation in flight: the call, the reader of its messages, and what has to happen when it is left. Disposing it before its end resets the
/// call and has the request aborted.
/// </summary>
internal sealed class GenerationRun(
    ServerEndpoint endpoint, IServerProtocol family, GenerationRequest request, string requestId, AbortSender aborts, HashSet<GenerationRun> running) : IDisposable
{
    private readonly GenerationReader _reader = family.CreateReader(request);
    private IGrpcCall? _call;
    private string _method = string.Empty;
    private bool _sent;
    private int _left;
    private int _aborted;

    public IGrpcCall Call => _call!;

    /// <summary>The model of the server it runs on.</summary>
    public VllmModelInfo? Model { get; init; }

    /// <summary>The first message is there (it always is, unless the stream ended well without any).</summary>
    public bool HasMessage { get; private set; }

    public async Task StartAsync(GrpcCallRequest call, CancellationToken cancellationToken)
    {
        _method = call.Method;
        _sent = true;
        lock (running)
        {
            running.Add(this);
        }

        cancellationToken.ThrowIfCancellationRequested();
        _call = await endpoint.Transport.StartAsync(call, cancellationToken).ConfigureAwait(false);
        HasMessage = await _call.MoveNextAsync().ConfigureAwait(false);
    }

    /// <summary>The update in the current message; null when it holds none.</summary>
    public GenerationUpdate? Read()
    {
        GenerationUpdate? update;
        try
        {
            update = _reader.Read(_call!.Current.Span);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidDataException or OverflowException)
        {
            throw new VllmProtocolException($"{_method} at {endpoint.Uri} sent a message that cannot be read: {e.Message}.", e)
            {
                StatusCode = VllmStatusCode.Internal,
                Method = _method,
                RequestId = requestId,
                Endpoint = endpoint.Uri,
            };
        }

        if (update?.Finish is { } finish)
        {
            CheckFinish(finish);
        }

        return update;
    }

    /// <summary>The call has ended well; throws when the answer has not.</summary>
    public void Complete()
    {
        if (!_reader.IsComplete)
        {
            throw new VllmProtocolException($"{_method} at {endpoint.Uri} ended without the final message of the answer; what was received is incomplete.")
            {
                StatusCode = VllmStatusCode.DataLoss,
                Method = _method,
                RequestId = requestId,
                Endpoint = endpoint.Uri,
                IsRetryable = true,
            };
        }
    }

    public void Observe(VllmException exception) => endpoint.Observe(exception);

    public void Dispose()
    {
        if (Leave(serverMayWork: _call is { IsEnded: false }))
        {
            endpoint.Leave();
        }
    }

    /// <summary>The start failed; nobody gets this run. A call that was cancelled or timed out may have left the server at work.</summary>
    public void Abandon(Exception exception) => Leave(_sent && (
        _call is { IsEnded: false }
        || exception is OperationCanceledException or VllmTimeoutException { Kind: not VllmTimeoutKind.Connect, ServerMessage.Length: 0 }));

    /// <summary>Has the request aborted on the server, once. Safe beside a reader: the call itself is left to it.</summary>
    public void Abort()
    {
        if (Interlocked.Exchange(ref _aborted, 1) == 0)
        {
            aborts.Send(endpoint, family, requestId);
        }
    }

    private bool Leave(bool serverMayWork)
    {
        if (Interlocked.Exchange(ref _left, 1) != 0)
        {
            return false;
        }

        lock (running)
        {
            running.Remove(this);
        }

        _call?.Dispose();
        if (serverMayWork)
        {
            Abort();
        }

        return true;
    }

    private void CheckFinish(GenerationFinish finish)
    {
        if (ConstraintFailures.Explain(finish, request) is { } why)
        {
            throw new VllmConstraintException($"The constraint ({request.Constraint}) did not hold at {endpoint.Uri}: {why}.")
            {
                Constraint = request.Constraint,
                StatusCode = VllmStatusCode.InvalidArgument,
                Method = _method,
                RequestId = requestId,
                Endpoint = endpoint.Uri,
            };
        }

        if (finish.RawReason == "error")
        {
            throw new VllmException($"{_method} at {endpoint.Uri}: the server ended the request with the finish reason 'error'.")
            {
                StatusCode = VllmStatusCode.Internal,
                Method = _method,
                RequestId = requestId,
                Endpoint = endpoint.Uri,
            };
        }
    }
}
