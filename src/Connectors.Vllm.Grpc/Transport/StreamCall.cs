using System.Runtime.CompilerServices;
using Google.Protobuf;
using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// A running server-streaming call: gRPC's call with the time limits and exceptions of this package. A message that has already arrived is returned
/// synchronously. For one reader at a time; disposing it before its end resets the call.
/// </summary>
internal sealed class StreamCall<TResponse> : IDisposable
    where TResponse : class
{
    private readonly ServerChannel _channel;
    private readonly CallErrors _errors;
    private readonly CancellationToken _callerToken;
    private readonly CallWatchdog _watchdog;
    private readonly AsyncServerStreamingCall<TResponse> _call;
    private readonly IAsyncStreamReader<TResponse> _reader;
    private bool _answered;

    public StreamCall(
        Method<OutgoingMessage, TResponse> method, IMessage message, CallContext call, int maxBytes, CancellationToken cancellationToken)
    {
        _channel = call.Channel;
        _errors = new CallErrors(call, method.FullName);
        _callerToken = cancellationToken;
        var outgoing = OutgoingMessage.Create(message, call, maxBytes);
        try
        {
            _call = call.Channel.Invoker.AsyncServerStreamingCall(method, host: null, call.ToOptions(cancellationToken), outgoing);
        }
        catch (Exception exception)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw _errors.Translate(exception, answered: false);
        }

        _reader = _call.ResponseStream;
        _watchdog = new CallWatchdog(call, _call.Dispose);
    }

    public CallErrors Errors => _errors;

    public TResponse Current => _reader.Current;

    /// <summary>
    /// Whether the server has ended the call, successfully or not, or the connection is lost, so that there is nothing left to abort.
    /// </summary>
    public bool IsEnded { get; private set; }

    /// <summary>
    /// Moves to the next message; false after the last one of a call that ended successfully. Every other end throws: a <see cref="VllmException"/>,
    /// <see cref="OperationCanceledException"/> for the caller's token, or <see cref="ConnectionRenewedException"/>.
    /// </summary>
    public ValueTask<bool> MoveNextAsync()
    {
        if (IsEnded)
        {
            return new(false);
        }

        Task<bool> next;
        try
        {
            next = _reader.MoveNext(CancellationToken.None);
        }
        catch (Exception exception)
        {
            return ValueTask.FromException<bool>(Translate(exception));
        }

        if (!next.IsCompletedSuccessfully)
        {
            return WaitAsync(next);
        }

        return new(Receive(next.Result));
    }

    /// <summary>Resets the idle timeout, because the current message contains tokens or a finish.</summary>
    public void ReportProgress() => _watchdog.ReportProgress();

    /// <summary>Called when the answer is complete: only the gRPC status is missing, which has a shorter time limit than tokens.</summary>
    public void ExpectEnd() => _watchdog.ExpectEnd();

    /// <summary>Resets the call while it is being read; the reader gets an exception.</summary>
    public void Reset() => _call.Dispose();

    public void Dispose()
    {
        _watchdog.Dispose();
        _call.Dispose();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> WaitAsync(Task<bool> next)
    {
        try
        {
            _watchdog.BeginWait();
            var more = await next.ConfigureAwait(false);
            _watchdog.EndWait();
            return Receive(more);
        }
        catch (Exception exception)
        {
            throw Translate(exception);
        }
    }

    private bool Receive(bool more)
    {
        if (!_answered || !more)
        {
            _channel.MarkAnswered();
        }

        _answered = true;
        IsEnded = !more;
        return more;
    }

    private Exception Translate(Exception exception)
    {
        if (_callerToken.IsCancellationRequested)
        {
            return new OperationCanceledException("The call was cancelled.", exception, _callerToken);
        }

        if (_watchdog.Expired is { } kind)
        {
            return _errors.TimedOut(kind, exception);
        }

        var translated = _errors.Translate(exception, _answered);

        // After invalid bytes or a client-side limit, the server may still be working.
        IsEnded = translated is not (VllmProtocolException or VllmTimeoutException { ServerMessage.Length: 0 });
        return translated;
    }
}
