using Grpc.Core;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>A call of Grpc.Net.Client behind the seam; messages stay bytes.</summary>
internal sealed class GrpcNetCall : IGrpcCall
{
    private const int PrefixBytes = 5;
    private static readonly Marshaller<byte[]> Bytes = Marshallers.Create(static bytes => bytes, static bytes => bytes);

    private readonly GrpcCallRequest _request;
    private readonly Uri _endpoint;
    private readonly CancellationToken _callerToken;
    private readonly CancellationTokenSource _reset;
    private readonly CallWatchdog _watchdog;
    private readonly AsyncServerStreamingCall<byte[]> _call;
    private int _disposed;

    public GrpcNetCall(CallInvoker invoker, GrpcCallRequest request, Uri endpoint, Func<bool> maySend, CancellationToken cancellationToken)
    {
        _request = request;
        _endpoint = endpoint;
        _callerToken = cancellationToken;
        _reset = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _watchdog = new CallWatchdog(request, _reset);
        _watchdog.BeginWait();
        var parts = request.Method.Split('/');
        var sending = Marshallers.Create<byte[]>(message => maySend() ? message : throw new ConnectionRenewedException(), static bytes => bytes);
        var headers = new Metadata();
        foreach (var (name, value) in request.Metadata ?? new Dictionary<string, string>())
        {
            headers.Add(name, value);
        }

        _call = invoker.AsyncServerStreamingCall(
            new Method<byte[], byte[]>(MethodType.ServerStreaming, parts[1], parts[2], sending, Bytes),
            host: null,
            new CallOptions(headers, request.Timeout is { } timeout ? DateTime.UtcNow + timeout : null, _reset.Token),
            request.Frame[PrefixBytes..].ToArray());
    }

    public ReadOnlyMemory<byte> Current => _call.ResponseStream.Current;

    public bool IsEnded { get; private set; }

    public async Task WaitForHeadersAsync()
    {
        try
        {
            await _call.ResponseHeadersAsync;
        }
        catch (Exception e)
        {
            throw Translate(e);
        }
    }

    public async ValueTask<bool> MoveNextAsync()
    {
        if (IsEnded)
        {
            return false;
        }

        try
        {
            _watchdog.BeginWait();
            var more = await _call.ResponseStream.MoveNext(CancellationToken.None);
            _watchdog.EndWait();
            IsEnded = !more;
            return more;
        }
        catch (Exception e)
        {
            throw Translate(e);
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _watchdog.Dispose();
            _call.Dispose();
            _reset.Dispose();
        }
    }

    private Exception Translate(Exception exception)
    {
        if (_callerToken.IsCancellationRequested)
        {
            return new OperationCanceledException(_callerToken);
        }

        var errors = new CallErrors(_request, _endpoint, TimeSpan.FromSeconds(10));
        if (_watchdog.Expired is { } kind)
        {
            return errors.TimedOut(kind, _watchdog.Limit(kind), exception);
        }

        IsEnded = true;
        for (var e = exception; e is not null; e = e is RpcException rpc ? rpc.Status.DebugException : e.InnerException)
        {
            if (e is ConnectionRenewedException)
            {
                return e;
            }
        }

        return exception switch
        {
            RpcException { Status.DebugException: null } rpc => errors.FromStatus(new GrpcStatus((VllmStatusCode)rpc.StatusCode, rpc.Status.Detail)),
            RpcException rpc => errors.FromTransport(rpc.Status.DebugException, answered: false),
            _ => errors.FromTransport(exception, answered: false),
        };
    }
}
