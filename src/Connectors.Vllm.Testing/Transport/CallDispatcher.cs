using System.Collections.Frozen;
using Connectors.Vllm.Testing.Engine;
using Connectors.Vllm.Testing.FamilyA;
using Connectors.Vllm.Testing.FamilyB;
using Connectors.Vllm.Testing.Recording;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;

namespace Connectors.Vllm.Testing.Transport;

/// <summary>Takes a call from path to status: reads, captures, hands to the family's handler, and turns exceptions into gRPC endings.</summary>
internal sealed class CallDispatcher : IDisposable
{
    private readonly ServerState _state;
    private readonly IRpcFamily _family;
    private readonly IRawCallHandler? _raw;

    public CallDispatcher(ServerState state)
    {
        _state = state;
        _family = state.Options.EffectiveFamily == VllmServerFamily.A ? new EngineFamily(state) : new InferenceFamily(state);
        _raw = state.Options switch
        {
            { Upstream: { } upstream } => new RecordingProxy(upstream, state.Options.RecordFile),
            { ReplayFile: { } file } => ExchangeReplay.Load(file),
            _ => null,
        };
    }

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
        catch (CallOverException)
        {
            // The fault scene has said all there is to say.
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

    public void Dispose() => (_raw as IDisposable)?.Dispose();

    private async Task RunAsync(GrpcCall call)
    {
        var method = _family.Find(call.Path);
        var bytes = await call.ReadRequestAsync(method?.MaxRequestBytes, _family.AcceptsGzip).ConfigureAwait(false);
        if (_raw is not null)
        {
            await HandleRawAsync(call, method, bytes).ConfigureAwait(false);
            return;
        }

        if (method is null)
        {
            throw _family.UnknownMethod(call.Path);
        }

        if (_state.ShuttingDown)
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
            throw _family.MalformedRequest(exception);
        }

        var captured = Capture(call, bytes, message);
        call.Fault = _state.Script.TakeFault(call.Path);
        if (!method.IsInference)
        {
            _state.Log.Announce(captured);
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

    // Proxy and replay work on bytes; what is understood is captured all the same.
    private async Task HandleRawAsync(GrpcCall call, RpcMethod? method, byte[] bytes)
    {
        CapturedRequest? captured = null;
        try
        {
            if (method is not null)
            {
                captured = Capture(call, bytes, method.Parser.ParseFrom(bytes));
                _state.Log.Announce(captured);
            }
        }
        catch (InvalidProtocolBufferException)
        {
            // Passed on as it is; the other side says what it thinks of it.
        }

        try
        {
            await _raw!.HandleAsync(call, bytes).ConfigureAwait(false);
        }
        finally
        {
            if (captured is not null)
            {
                Close(call, captured);
            }
        }
    }

    private CapturedRequest Capture(GrpcCall call, byte[] bytes, IMessage message) =>
        _state.Log.Add(call.Path, bytes, message, RequestIds.Of(message), Metadata(call.Metadata), call.Deadline);

    private void Close(GrpcCall call, CapturedRequest captured)
    {
        if (call.ClientGone && !call.Ended)
        {
            _state.Log.CountCancelled(captured);
        }

        captured.MarkEnded();
    }

    private static FrozenDictionary<string, string> Metadata(IHeaderDictionary headers) =>
        headers.Where(header => !header.Key.StartsWith(':')).ToFrozenDictionary(header => header.Key.ToLowerInvariant(), header => header.Value.ToString(), StringComparer.Ordinal);
}
