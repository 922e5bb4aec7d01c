using System.Collections.Frozen;
using Connectors.Vllm.Testing.Transport;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;

namespace Connectors.Vllm.Testing.Protocols;

/// <summary>Handles a call: reads and captures the request, dispatches it to the service, and converts exceptions to gRPC statuses.</summary>
/// <param name="state">The state shared by all calls.</param>
/// <param name="service">The methods of the protocol.</param>
/// <param name="raw">Handles calls as bytes instead of <paramref name="service"/>, for proxies and replay; null otherwise.</param>
internal sealed class CallDispatcher(ServerState state, RpcService service, Func<GrpcCall, byte[], Task>? raw = null)
{
    public async Task HandleAsync(HttpContext http)
    {
        using var call = new GrpcCall(http, http.Features.Get<ConnectionTap>());
        if (!(http.Request.ContentType ?? "").StartsWith("application/grpc", StringComparison.Ordinal))
        {
            http.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
            return;
        }

        try
        {
            await RunAsync(call).ConfigureAwait(false);
            await call.FinishAsync().ConfigureAwait(false);
        }
        catch (FaultInjectedException)
        {
            // The fault has ended the call.
        }
        catch (RpcFailure failure)
        {
            await call.FinishAsync(failure.Status, failure.Message).ConfigureAwait(false);
        }
        catch (Exception exception) when (call.Cancelled.IsCancellationRequested && exception is OperationCanceledException or IOException)
        {
            await call.FinishAsync(RpcStatus.DeadlineExceeded, "Deadline Exceeded").ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            await call.FinishAsync(RpcStatus.Unknown, $"Unexpected {exception.GetType().Name}: {exception.Message}").ConfigureAwait(false);
        }
    }

    private async Task RunAsync(GrpcCall call)
    {
        var method = service.Find(call.Path);
        var bytes = await call.ReadRequestAsync(method?.MaxRequestBytes, service.AcceptsGzip).ConfigureAwait(false);
        if (raw is not null)
        {
            await HandleRawAsync(call, method, bytes).ConfigureAwait(false);
            return;
        }

        if (method is null)
        {
            throw service.UnknownMethod(call.Path);
        }

        if (state.ShuttingDown)
        {
            throw new RpcFailure(RpcStatus.Unavailable, "the server is shutting down");
        }

        IMessage message;
        try
        {
            message = method.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException exception)
        {
            throw service.MalformedRequest(exception);
        }

        var captured = Capture(call, method, bytes, message);
        call.Fault = state.Script.TakeFault(call.Path);
        if (method.Kind == RpcKind.Information)
        {
            state.Log.Notify(captured);
        }

        try
        {
            await method.Handle(call, captured).ConfigureAwait(false);
        }
        finally
        {
            Close(call, captured);
        }
    }

    // Proxy and replay work on bytes; requests that can be parsed are captured as well.
    private async Task HandleRawAsync(GrpcCall call, RpcMethod? method, byte[] bytes)
    {
        CapturedRequest? captured = null;
        try
        {
            if (method is not null)
            {
                captured = Capture(call, method, bytes, method.Parser.ParseFrom(bytes));
                state.Log.Notify(captured);
            }
        }
        catch (InvalidProtocolBufferException)
        {
            // Passed on unchanged; the upstream server reports the error.
        }

        try
        {
            await raw!(call, bytes).ConfigureAwait(false);
        }
        finally
        {
            if (captured is not null)
            {
                Close(call, captured);
            }
        }
    }

    private CapturedRequest Capture(GrpcCall call, RpcMethod method, byte[] bytes, IMessage message) => state.Log.Add(new ReceivedCall(
        call.Path, bytes, message, service.GetRequestId(message), method.Kind == RpcKind.Generation, Metadata(call.Metadata), call.Deadline));

    private void Close(GrpcCall call, CapturedRequest captured)
    {
        if (call.ClientDisconnected && !call.Ended)
        {
            state.Log.CountCancelled(captured);
        }

        captured.MarkEnded();

        // For waiters of a request that was refused before its prompt was read.
        state.Log.Notify(captured);
    }

    private static FrozenDictionary<string, string> Metadata(IHeaderDictionary headers) =>
        headers.Where(header => !header.Key.StartsWith(':'))
            .ToFrozenDictionary(header => header.Key.ToLowerInvariant(), header => header.Value.ToString(), StringComparer.Ordinal);
}

/// <summary>A gRPC method: how its request is parsed and handled.</summary>
/// <param name="Parser">The parser of the request message.</param>
/// <param name="Handle">Handles the call; completes after the last message, before the status.</param>
/// <param name="Kind">The purpose of the method.</param>
/// <param name="MaxRequestBytes">The maximum size of the request message, or null.</param>
internal sealed record RpcMethod(
    MessageParser Parser, Func<GrpcCall, CapturedRequest, Task> Handle, RpcKind Kind = RpcKind.Information, int? MaxRequestBytes = null);

internal enum RpcKind
{
    Information,

    /// <summary>Takes scripted replies, runs in the engine and can be aborted.</summary>
    Embedding,

    /// <inheritdoc cref="Embedding"/>
    Generation,
}

/// <summary>The methods of one protocol, and the errors for calls that reach none of them.</summary>
internal abstract class RpcService
{
    private FrozenDictionary<string, RpcMethod>? _methods;

    public virtual bool AcceptsGzip => false;

    public RpcMethod? Find(string path) => (_methods ??= Methods().ToFrozenDictionary(StringComparer.Ordinal)).GetValueOrDefault(path);

    public virtual RpcFailure UnknownMethod(string path) => RpcFailure.Unimplemented();

    public virtual RpcFailure MalformedRequest(InvalidProtocolBufferException exception) => RpcFailure.Internal(exception.Message);

    /// <summary>Gets the request id in a message; empty if it has none.</summary>
    public abstract string GetRequestId(IMessage message);

    /// <summary>Creates all methods by path; called once.</summary>
    protected abstract Dictionary<string, RpcMethod> Methods();
}
