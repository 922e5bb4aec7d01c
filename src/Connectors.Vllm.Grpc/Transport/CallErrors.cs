using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.RegularExpressions;
using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Translates failures of a call to the exceptions of this package, with messages that say what failed, where, and what to try. This class handles
/// failures of the channel and the network; <see cref="ServerErrors"/> handles statuses sent by the server.
/// </summary>
internal sealed partial class CallErrors(CallContext call, string method)
{
    private const string HttpPortHint = "This looks like an HTTP port. " + HowToServe;

    private const string HowToServe =
        "vLLM serves gRPC with 'vllm serve MODEL --grpc' (instead of HTTP), or on its own port with '--grpc-port N' (beside HTTP).";

    private readonly Uri _endpoint = call.Endpoint;

    /// <summary>The full name of the method.</summary>
    public string Method => method;

    /// <summary>Gets the exception to throw for an exception of the call; <see cref="ConnectionRenewedException"/> is returned as it is.</summary>
    /// <param name="exception">The exception of the call.</param>
    /// <param name="answered">Whether a message has been received.</param>
    public Exception Translate(Exception exception, bool answered)
    {
        if (exception is VllmException)
        {
            return exception;
        }

        for (var cause = exception; cause is not null; cause = CauseOf(cause))
        {
            switch (cause)
            {
                case ConnectionRenewedException:
                    return cause;
                case UnreadableMessageException:
                    return Protocol($"{method} at {_endpoint} sent a message that cannot be parsed: {cause.Message}",
                        StatusCode.Internal, exception);
                case MessageTooLargeException:
                    return TooLarge(cause.Message, exception);

                case InvalidDataException { Message: "Message too large." }:
                    return TooLarge("a message", exception);

                // Thrown by the channel and the decompressor for truncated messages and invalid prefixes.
                case InvalidDataException:
                    return Protocol($"{method} at {_endpoint} broke the gRPC protocol: {cause.Message}", StatusCode.Internal, exception);
                default:
                    break;
            }
        }

        return exception is RpcException failure ? FromStatus(failure, answered) : FromTransport(exception, answered);
    }

    /// <summary>Creates the exception for a message that was parsed but has invalid content.</summary>
    public VllmProtocolException Unreadable(Exception exception) =>
        Protocol($"{method} at {_endpoint} sent a message that cannot be read: {exception.Message.TrimEnd('.')}.",
            StatusCode.Internal,
            exception);

    public VllmProtocolException Protocol(string message, StatusCode code, Exception? inner, bool retryable = false) => new(message, inner)
    {
        StatusCode = code,
        Method = method,
        RequestId = call.RequestId,
        Endpoint = _endpoint,
        IsRetryable = retryable,
    };

    public VllmTimeoutException TimedOut(VllmTimeoutKind kind, Exception? inner)
    {
        var options = call.Channel.Options;
        var limit = kind switch
        {
            VllmTimeoutKind.Connect => options.ConnectTimeout,
            VllmTimeoutKind.FirstToken => call.FirstTokenTimeout,
            VllmTimeoutKind.BetweenTokens => call.BetweenTokensTimeout,
            _ => call.Timeout,
        } ?? TimeSpan.Zero;
        var seconds = FormattableString.Invariant($"{limit.TotalSeconds:0.###} s");
        var what = kind switch
        {
            VllmTimeoutKind.Connect =>
                $"No connection to {_endpoint} within {seconds} ({nameof(VllmConnectionOptions.ConnectTimeout)}). Is the address right, and "
                + $"reachable from here?",
            VllmTimeoutKind.FirstToken =>
                $"{method} at {_endpoint} sent no token within {seconds} ({nameof(VllmConnectionOptions.FirstTokenTimeout)}). The server may "
                + $"be overloaded or hanging.",
            VllmTimeoutKind.BetweenTokens =>
                $"{method} at {_endpoint} sent nothing for {seconds} ({nameof(VllmConnectionOptions.BetweenTokensTimeout)}). The server or the "
                + $"network may be hanging.",
            _ => $"{method} at {_endpoint} did not finish within {seconds} ({call.TimeoutOption}).{call.TimeoutHint}",
        };
        return new(what, inner)
        {
            Kind = kind,
            LimitOption = call.TimeoutOption,
            Timeout = limit,
            StatusCode = kind == VllmTimeoutKind.Connect ? StatusCode.Unavailable : StatusCode.DeadlineExceeded,
            Method = method,
            RequestId = call.RequestId,
            Endpoint = _endpoint,
            IsRetryable = true,
        };
    }

    private static Exception? CauseOf(Exception exception) =>
        exception is RpcException { Status.DebugException: { } cause } ? cause : exception.InnerException;

    /// <summary>
    /// Translates the status that ended the call. The channel reports its own errors as statuses too; only their messages distinguish them from the
    /// server's.
    /// </summary>
    private Exception FromStatus(RpcException exception, bool answered)
    {
        var (code, detail) = (exception.StatusCode, exception.Status.Detail);
        if (detail.StartsWith("Bad gRPC response.", StringComparison.Ordinal))
        {
            return NotGrpc(detail["Bad gRPC response.".Length..].Trim(), exception);
        }

        switch (code)
        {
            case StatusCode.DeadlineExceeded when detail.Length == 0:
                return TimedOut(VllmTimeoutKind.Call, exception);
            case StatusCode.Cancelled when detail.StartsWith("No grpc-status found", StringComparison.Ordinal):
                return Protocol(
                    $"{method} at {_endpoint} ended without a gRPC status. A proxy that drops HTTP/2 trailers does this.",
                    StatusCode.Unknown,
                    exception);
            case StatusCode.Cancelled when IsBadStatus(detail):
                return Protocol($"{method} at {_endpoint} ended with a status that cannot be read: {detail}", StatusCode.Internal, exception);
            case StatusCode.Cancelled when detail == "gRPC call disposed.":
                return Connection($"The client was disposed while {method} at {_endpoint} ran.", StatusCode.Cancelled, false, exception);
            case StatusCode.ResourceExhausted when detail.StartsWith("Received message exceeds", StringComparison.Ordinal):
                return TooLarge("a message", exception);
            case StatusCode.Internal when detail.Contains("grpc-encoding", StringComparison.Ordinal)
                && detail.StartsWith("Request ", StringComparison.Ordinal):
            case StatusCode.Unimplemented when detail.StartsWith("Unsupported grpc-encoding value", StringComparison.Ordinal):
                return Protocol($"{method} at {_endpoint} compressed a message with an encoding that was not negotiated: {detail}",
                    StatusCode.Internal,
                    exception);
            case StatusCode.Internal when detail == "Failed to deserialize response message.":
                return Protocol($"{method} at {_endpoint} ended successfully but sent no message.", StatusCode.Internal, exception);
            default:
                return exception.Status.DebugException is { } cause ? FromTransport(cause, answered)
                    : ServerErrors.ToException(exception, method, call);
        }
    }

    private static bool IsBadStatus(string detail) =>
        detail.StartsWith("Unexpected grpc-status value", StringComparison.Ordinal) || detail.StartsWith("Multiple grpc-", StringComparison.Ordinal);

    private VllmConnectionException NotGrpc(string said, Exception exception)
    {
        var status = HttpStatus().Match(said) is { Success: true } match
            ? (HttpStatusCode)int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)
            : HttpStatusCode.OK;

        // https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
        var code = status switch
        {
            HttpStatusCode.BadRequest => StatusCode.Internal,
            HttpStatusCode.Unauthorized => StatusCode.Unauthenticated,
            HttpStatusCode.Forbidden => StatusCode.PermissionDenied,
            HttpStatusCode.NotFound => StatusCode.Unimplemented,
            HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout =>
                StatusCode.Unavailable,
            _ => StatusCode.Unknown,
        };
        var hint = code switch
        {
            StatusCode.Unauthenticated or StatusCode.PermissionDenied => "A proxy refuses the credentials; check the bearer token.",
            StatusCode.Unavailable => "A proxy in front of the server answered in its place; the server may be starting or overloaded.",
            _ => HttpPortHint,
        };
        return Connection($"{_endpoint} answered {method} with something other than gRPC ({said.TrimEnd('.')}). {hint}",
            code,
            code == StatusCode.Unavailable, exception);
    }

    [GeneratedRegex(@"^HTTP status code: (\d{3})")]
    private static partial Regex HttpStatus();

    private VllmProtocolException TooLarge(string what, Exception exception) => Protocol(
        $"{method} at {_endpoint} sent {what} over the limit of {call.Channel.Options.MaxReceiveMessageBytes} bytes "
        + $"({nameof(VllmConnectionOptions)}.{nameof(VllmConnectionOptions.MaxReceiveMessageBytes)}).",
        StatusCode.ResourceExhausted,
        exception);

    /// <param name="exception">The exception of the HTTP handler.</param>
    /// <param name="answered">Whether the response had begun.</param>
    private VllmException FromTransport(Exception exception, bool answered)
    {
        // The HTTP handler reports its connect timeout as a cancellation that was not requested.
        if (exception is OperationCanceledException)
        {
            return TimedOut(VllmTimeoutKind.Connect, exception);
        }

        for (var e = exception; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case HttpProtocolException error:
                    return FromHttp2(error, exception, answered);
                case AuthenticationException:
                    return Connection(
                        $"The TLS handshake with {_endpoint} failed: {(e.InnerException ?? e).Message.TrimEnd('.')}. Check the certificates "
                        + "(RootCertificateFile names an authority to trust, ClientCertificateFile the certificate that the server may require); "
                        + "for a server without TLS, use http://.",
                        StatusCode.Unavailable, false, exception);
                case HttpRequestException { HttpRequestError: HttpRequestError.VersionNegotiationError }:
                    return Connection($"{_endpoint} does not speak HTTP/2. {HttpPortHint}", StatusCode.Unavailable, false, exception);
                case HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError }:
                case SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain }:
                    return Connection($"The host name of {_endpoint} cannot be resolved: {e.Message}", StatusCode.Unavailable, true, exception);
                case SocketException { SocketErrorCode: SocketError.ConnectionRefused }:
                    return Connection(
                        $"Nothing listens at {_endpoint} (connection refused). Check that vLLM runs there and serves gRPC on this port; the address "
                        + $"comes from {nameof(VllmConnectionOptions.Endpoints)}, or without any from {VllmConnectionOptions.HostVariable} and "
                        + $"{VllmConnectionOptions.PortVariable}.",
                        StatusCode.Unavailable, true, exception);
                default:
                    break;
            }
        }

        if (!IsNetworkError(exception))
        {
            return new VllmException($"{method} at {_endpoint} failed on this side (an interceptor or credentials?): "
                + $"{Innermost(exception).Message}", exception)
            {
                StatusCode = StatusCode.Internal,
                Method = method,
                RequestId = call.RequestId,
                Endpoint = _endpoint,
            };
        }

        // A server that does not speak HTTP/2 may simply close the connection when it receives the preface.
        return answered
            ? Connection(
                $"The connection to {_endpoint} broke during {method}; the answer is incomplete: {Innermost(exception).Message}",
                StatusCode.Unavailable, true, exception)
            : Connection(
                $"The connection to {_endpoint} broke before it answered {method}: {Innermost(exception).Message.TrimEnd('.')}. If it always does, "
                + $"this may be a server with TLS, which requires https://, or an HTTP port. {HowToServe}",
                StatusCode.Unavailable, true, exception);
    }

    private static bool IsNetworkError(Exception exception)
    {
        for (var cause = exception; cause is not null; cause = CauseOf(cause))
        {
            if (cause is HttpRequestException or IOException or SocketException or ObjectDisposedException)
            {
                return true;
            }
        }

        return false;
    }

    private VllmConnectionException FromHttp2(HttpProtocolException error, Exception exception, bool answered)
    {
        // The handler distinguishes a reset of this stream, the end of the whole connection and invalid bytes only by the message.
        var isThisStream = error.Message.Contains("reset the stream", StringComparison.OrdinalIgnoreCase);
        var isUnreadable = error.Message.Contains("invalid data", StringComparison.OrdinalIgnoreCase);

        // https://www.rfc-editor.org/rfc/rfc9113#section-7
        return error.ErrorCode switch
        {
            0x0 => Connection(
                $"{_endpoint} closed the stream during {method} (GOAWAY or reset without an error): the answer is incomplete.",
                StatusCode.Unavailable, true, exception),
            0x7 => Connection($"{_endpoint} refused the stream of {method} without processing it.", StatusCode.Unavailable, true, exception),
            0x8 => Connection($"{_endpoint} cancelled the stream of {method}.", StatusCode.Cancelled, false, exception),
            0xb => Connection(
                $"{_endpoint} closed the connection because it was pinged too often (ENHANCE_YOUR_CALM). Leave "
                + $"{nameof(VllmConnectionOptions.KeepAlivePingInterval)} unset, or set the AppContext switch "
                + $"System.Net.SocketsHttpHandler.Http2FlowControl.DisableDynamicWindowSizing.",
                StatusCode.Unavailable, true, exception),
            0xc => Connection(
                $"{_endpoint} requires stronger transport security (INADEQUATE_SECURITY).",
                StatusCode.PermissionDenied, false, exception),
            0xd => Connection($"{_endpoint} requires HTTP/1.1. {HttpPortHint}", StatusCode.Unavailable, false, exception),
            _ when isUnreadable && answered => Connection(
                $"{_endpoint} broke the HTTP/2 protocol in the middle of {method}; the answer is incomplete: {error.Message}",
                StatusCode.Unavailable, true, exception),
            _ when isUnreadable =>
                Connection(
                    $"{_endpoint} does not respond with HTTP/2. {HttpPortHint} For a server with TLS, use https://.",
                    StatusCode.Unavailable, false, exception),
            var code when isThisStream => Connection(
                $"{_endpoint} reset {method} with HTTP/2 error code {code}.",
                StatusCode.Internal, false, exception),
            var code => Connection(
                $"{_endpoint} closed the connection during {method} with HTTP/2 error code {code}, for all calls on it.",
                StatusCode.Unavailable, true, exception),
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

    private VllmConnectionException Connection(string message, StatusCode code, bool retryable, Exception? inner) => new(message, inner)
    {
        StatusCode = code,
        Method = method,
        RequestId = call.RequestId,
        Endpoint = _endpoint,
        IsRetryable = retryable,
    };
}
