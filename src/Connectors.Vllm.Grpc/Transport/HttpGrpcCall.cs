using System.Net;
using System.Runtime.CompilerServices;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// One call over HTTP/2. The read loop takes whatever the connection has, cuts it into messages in one pooled buffer and hands each out in
/// place; a message that is already buffered costs no asynchronous step.
/// </summary>
internal sealed class HttpGrpcCall : IGrpcCall
{
    private readonly GrpcCallRequest _request;
    private readonly CallErrors _errors;
    private readonly CallWatchdog _watchdog;
    private readonly CancellationToken _callerToken;
    private readonly CancellationTokenSource _reset;
    private readonly int _maxMessageBytes;
    private GrpcFrameReader? _frames;
    private HttpResponseMessage? _response;
    private Stream? _body;
    private CancellationTokenRegistration _resetRegistration;
    private int _disposed;

    public HttpGrpcCall(GrpcCallRequest request, Uri endpoint, VllmConnectionOptions options, CancellationToken cancellationToken)
    {
        _request = request;
        _errors = new CallErrors(request, endpoint, options.ConnectTimeout);
        _callerToken = cancellationToken;
        _maxMessageBytes = options.MaxReceiveMessageBytes;
        _reset = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _watchdog = new CallWatchdog(request, _reset);
    }

    public ReadOnlyMemory<byte> Current { get; private set; }

    public bool IsEnded { get; private set; }

    public async ValueTask SendAsync(HttpMessageInvoker invoker, HttpRequestMessage message)
    {
        try
        {
            _watchdog.BeginWait();
            _response = await invoker.SendAsync(message, _reset.Token).ConfigureAwait(false);
            CheckHeaders(_response);
            _body = await _response.Content.ReadAsStreamAsync(_reset.Token).ConfigureAwait(false);
            var gzip = _response.Headers.NonValidated.TryGetValues("grpc-encoding", out var encoding) && encoding.ToString() == "gzip";
            _frames = new GrpcFrameReader(_maxMessageBytes, gzip);

            // From here on a cancellation resets the stream: cheaper than handing the token to every read.
            _resetRegistration = _reset.Token.UnsafeRegister(static call => ((HttpGrpcCall)call!)._response?.Dispose(), this);
        }
        catch (Exception e) when (e is ConnectionRenewedException || e.InnerException is ConnectionRenewedException)
        {
            IsEnded = true;
            throw new ConnectionRenewedException();
        }
        catch (Exception e) when (e is not VllmException)
        {
            throw Translate(e);
        }
    }

    public ValueTask<bool> MoveNextAsync()
    {
        if (_frames is null || IsEnded)
        {
            return new(false);
        }

        try
        {
            if (_frames.TryRead(out var message))
            {
                Current = message;
                return new(true);
            }
        }
        catch (GrpcFrameException e)
        {
            return ValueTask.FromException<bool>(_errors.BadFrame(e));
        }

        return ReadAsync(_frames);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _watchdog.Dispose();
        _resetRegistration.Dispose();
        _response?.Dispose();
        _reset.Dispose();
        _frames?.Dispose();
        Current = default;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> ReadAsync(GrpcFrameReader frames)
    {
        try
        {
            _watchdog.BeginWait();
            while (true)
            {
                var read = await _body!.ReadAsync(frames.GetBuffer(), CancellationToken.None).ConfigureAwait(false);
                if (read == 0)
                {
                    ThrowIfFailed(frames);
                    return false;
                }

                frames.Advance(read);
                if (frames.TryRead(out var message))
                {
                    _watchdog.EndWait();
                    Current = message;
                    return true;
                }
            }
        }
        catch (GrpcFrameException e)
        {
            throw _errors.BadFrame(e);
        }
        catch (Exception e) when (e is not VllmException)
        {
            throw Translate(e);
        }
    }

    private void CheckHeaders(HttpResponseMessage response)
    {
        var contentType = response.Content.Headers.NonValidated.TryGetValues("content-type", out var values) ? values.ToString() : null;
        var isGrpc = contentType is not null && contentType.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase);
        if (response.StatusCode == HttpStatusCode.OK && isGrpc)
        {
            return;
        }

        IsEnded = true;
        if (isGrpc && GrpcStatus.Find(response.Headers) is { } status)
        {
            throw _errors.FromStatus(status);
        }

        throw _errors.NotGrpc(response.StatusCode, contentType);
    }

    private void ThrowIfFailed(GrpcFrameReader frames)
    {
        _callerToken.ThrowIfCancellationRequested();
        if (_watchdog.Expired is not null)
        {
            throw new OperationCanceledException();
        }

        IsEnded = true;
        _watchdog.EndWait();
        var status = GrpcStatus.Find(_response!.TrailingHeaders) ?? GrpcStatus.Find(_response.Headers);
        if (status is null)
        {
            throw _errors.NoStatus();
        }

        if (status.Value.Code != VllmStatusCode.Ok)
        {
            throw _errors.FromStatus(status.Value);
        }

        if (frames.PendingBytes > 0)
        {
            throw _errors.Truncated(frames.PendingBytes);
        }
    }

    private Exception Translate(Exception exception)
    {
        if (_callerToken.IsCancellationRequested)
        {
            return new OperationCanceledException($"{_request.Method} was cancelled.", exception, _callerToken);
        }

        if (_watchdog.Expired is { } kind)
        {
            return _errors.TimedOut(kind, _watchdog.Limit(kind), exception);
        }

        IsEnded = true;
        return _errors.FromTransport(exception, answered: _response is not null);
    }
}
