using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;

namespace Connectors.Vllm.Grpc;

/// <summary>Turns what can go wrong in a call into the exceptions of this package, with what, where and what to try.</summary>
internal sealed class CallErrors(GrpcCallRequest request, Uri endpoint, TimeSpan connectTimeout)
{
    private const string HttpPortHint = "This looks like an HTTP port. " + HowToServe;

    private const string HowToServe =
        "vLLM serves gRPC with 'vllm serve MODEL --grpc' (instead of HTTP), or on its own port with '--grpc-port N' (beside HTTP).";

    public VllmException FromStatus(GrpcStatus status)
    {
        var exception = ServerErrors.ToException(status, request.Method, request.RequestId, endpoint);
        return request.ErrorFilter is null ? exception : request.ErrorFilter(exception);
    }

    public VllmException NotGrpc(HttpStatusCode status, string? contentType)
    {
        var code = status == HttpStatusCode.OK ? VllmStatusCode.Unknown : GrpcStatus.FromHttp(status);
        var said = $"{endpoint} answered {request.Method} with HTTP {(int)status} and {(contentType is null ? "no content type" : $"content type '{contentType}'")} instead of gRPC.";
        var hint = status switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => "A proxy refuses the credentials; check the bearer token.",
            HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout =>
                "A proxy in front of the server answers for it; the server may be starting or overloaded.",
            _ => HttpPortHint,
        };
        return Connection($"{said} {hint}", code, retryable: code == VllmStatusCode.Unavailable, null);
    }

    public VllmProtocolException BadFrame(GrpcFrameException e) => Protocol($"{request.Method} at {endpoint}: {e.Message}.", e.StatusCode, e);

    public VllmProtocolException Truncated(int bytes) => Protocol(
        $"{request.Method} at {endpoint} ended in the middle of a message ({bytes} bytes of it came).", VllmStatusCode.Internal, null);

    public VllmProtocolException NoStatus() => Protocol(
        $"{request.Method} at {endpoint} ended without a gRPC status. A proxy that drops HTTP/2 trailers does this.", VllmStatusCode.Unknown, null);

    public VllmTimeoutException TimedOut(VllmTimeoutKind kind, TimeSpan limit, Exception? inner)
    {
        var what = kind switch
        {
            VllmTimeoutKind.Connect => $"No connection to {endpoint} within {Seconds(limit)} ({nameof(VllmConnectionOptions.ConnectTimeout)}). Is the address right, and reachable from here?",
            VllmTimeoutKind.FirstToken => $"{request.Method} at {endpoint} sent nothing within {Seconds(limit)} ({nameof(VllmConnectionOptions.FirstTokenTimeout)}). The server may be overloaded or hang.",
            VllmTimeoutKind.BetweenTokens => $"{request.Method} at {endpoint} sent nothing for {Seconds(limit)} ({nameof(VllmConnectionOptions.BetweenTokensTimeout)}). The server or the network may hang.",
            _ => $"{request.Method} at {endpoint} did not finish within {Seconds(limit)} ({nameof(VllmConnectionOptions.CallTimeout)} or {nameof(VllmConnectionOptions.GenerationTimeout)}).",
        };
        return new(what, inner)
        {
            Kind = kind,
            Timeout = limit,
            StatusCode = kind == VllmTimeoutKind.Connect ? VllmStatusCode.Unavailable : VllmStatusCode.DeadlineExceeded,
            Method = request.Method,
            RequestId = request.RequestId,
            Endpoint = endpoint,
            IsRetryable = true,
        };
    }

    /// <param name="exception">What the HTTP handler threw.</param>
    /// <param name="answered">Whether the response had begun.</param>
    public VllmException FromTransport(Exception exception, bool answered)
    {
        // The HTTP handler reports its connect timeout as a cancellation nobody asked for.
        if (exception is OperationCanceledException)
        {
            return TimedOut(VllmTimeoutKind.Connect, connectTimeout, exception);
        }

        for (var e = exception; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case HttpProtocolException error:
                    return FromHttp2(error, exception);
                case AuthenticationException:
                    return Connection($"The TLS handshake with {endpoint} failed: {e.InnerException?.Message ?? e.Message} Check the certificates (RootCertificateFile names the authorities to trust, ClientCertificateFile what the server may ask for); a server without TLS needs http://.", VllmStatusCode.Unavailable, false, exception);
                case HttpRequestException { HttpRequestError: HttpRequestError.VersionNegotiationError }:
                    return Connection($"{endpoint} does not speak HTTP/2. {HttpPortHint}", VllmStatusCode.Unavailable, false, exception);
                case HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError }:
                case SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain }:
                    return Connection($"The host name of {endpoint} cannot be resolved: {e.Message}", VllmStatusCode.Unavailable, true, exception);
                case SocketException { SocketErrorCode: SocketError.ConnectionRefused }:
                    return Connection($"Nothing listens at {endpoint} (connection refused). Is the vLLM server running, with gRPC on, at this port?", VllmStatusCode.Unavailable, true, exception);
                default:
                    break;
            }
        }

        // A server of another protocol may simply hang up on the HTTP/2 preface.
        return answered
            ? Connection($"The connection to {endpoint} broke during {request.Method}; the answer is incomplete: {Innermost(exception).Message}", VllmStatusCode.Unavailable, true, exception)
            : Connection(
                $"The connection to {endpoint} broke before it answered {request.Method}: {Innermost(exception).Message} If it always does, this may be a server with TLS, which needs https://, or an HTTP port. {HowToServe}",
                VllmStatusCode.Unavailable, true, exception);
    }

    private VllmConnectionException FromHttp2(HttpProtocolException error, Exception exception)
    {
        // The handler tells a reset of this stream, the end of the whole connection and unreadable bytes apart by its words alone.
        var isThisStream = error.Message.Contains("reset the stream", StringComparison.OrdinalIgnoreCase);
        var isUnreadable = error.Message.Contains("invalid data", StringComparison.OrdinalIgnoreCase);

        // https://www.rfc-editor.org/rfc/rfc9113#section-7
        return error.ErrorCode switch
        {
            0x0 => Connection($"{endpoint} went away during {request.Method} (GOAWAY or reset without an error): the answer is incomplete.", VllmStatusCode.Unavailable, true, exception),
            0x7 => Connection($"{endpoint} refused the stream of {request.Method} without working on it.", VllmStatusCode.Unavailable, true, exception),
            0x8 => Connection($"{endpoint} cancelled the stream of {request.Method}.", VllmStatusCode.Cancelled, false, exception),
            0xb => Connection(
                $"{endpoint} closed the connection because it was pinged too often (ENHANCE_YOUR_CALM). Leave {nameof(VllmConnectionOptions.KeepAlivePingInterval)} unset, or set the AppContext switch System.Net.SocketsHttpHandler.Http2FlowControl.DisableDynamicWindowSizing.",
                VllmStatusCode.Unavailable, true, exception),
            0xc => Connection($"{endpoint} asks for better transport security (INADEQUATE_SECURITY).", VllmStatusCode.PermissionDenied, false, exception),
            0xd => Connection($"{endpoint} asks for HTTP/1.1. {HttpPortHint}", VllmStatusCode.Unavailable, false, exception),
            _ when isUnreadable =>
                Connection($"{endpoint} does not answer in HTTP/2. {HttpPortHint} A server with TLS needs https://.", VllmStatusCode.Unavailable, false, exception),
            var code when isThisStream => Connection($"{endpoint} reset {request.Method} with HTTP/2 error code {code}.", VllmStatusCode.Internal, false, exception),
            var code => Connection(
                $"{endpoint} closed the connection during {request.Method} with HTTP/2 error code {code}, for all calls on it.", VllmStatusCode.Unavailable, true, exception),
        };
    }

    private static Exception Innermost(Exception exception)
    {
        while (exception.InnerException is not null)
        {
            exception = exception.InnerException;
        }

        return exception;
    }

    private static string Seconds(TimeSpan time) => FormattableString.Invariant($"{time.TotalSeconds:0.###} s");

    private VllmConnectionException Connection(string message, VllmStatusCode code, bool retryable, Exception? inner) => new(message, inner)
    {
        StatusCode = code,
        Method = request.Method,
        RequestId = request.RequestId,
        Endpoint = endpoint,
        IsRetryable = retryable,
    };

    private VllmProtocolException Protocol(string message, VllmStatusCode code, Exception? inner) => new(message, inner)
    {
        StatusCode = code,
        Method = request.Method,
        RequestId = request.RequestId,
        Endpoint = endpoint,
    };
}
