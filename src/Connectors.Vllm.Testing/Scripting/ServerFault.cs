namespace Connectors.Vllm.Testing;

/// <summary>A fault that the server injects into a call. Immutable.</summary>
public sealed record ServerFault
{
    /// <summary>The kind of fault.</summary>
    public required FaultKind Kind { get; init; }

    /// <summary>
    /// The number of response messages before the fault: 0 is before the first message, <see cref="AtEnd"/> is after the last message and before the
    /// trailers.
    /// </summary>
    public int AfterMessages { get; init; }

    /// <summary>The value of <see cref="AfterMessages"/> for a fault after the last message.</summary>
    public const int AtEnd = int.MaxValue;

    /// <summary>The HTTP/2 error code for RST_STREAM and GOAWAY (RFC 9113, section 7). Default: 2, INTERNAL_ERROR.</summary>
    public int Http2Error { get; init; } = 2;

    /// <summary>The gRPC status code for <see cref="FaultKind.Status"/>. Default: 14, UNAVAILABLE.</summary>
    public int GrpcStatus { get; init; } = 14;

    /// <summary>The HTTP status code for <see cref="FaultKind.HttpAnswer"/>. Default: 404.</summary>
    public int HttpStatus { get; init; } = 404;

    /// <summary>The status detail, or the GOAWAY debug text.</summary>
    public string Detail { get; init; } = "";

    /// <summary>Creates a fault of the given kind after the given number of messages.</summary>
    public static ServerFault After(int messages, FaultKind kind) => new() { Kind = kind, AfterMessages = messages };

    /// <summary>Creates a fault that ends the call with the given gRPC status after the given number of messages.</summary>
    public static ServerFault Status(int grpcStatus, string detail, int afterMessages = 0) =>
        new() { Kind = FaultKind.Status, GrpcStatus = grpcStatus, Detail = detail, AfterMessages = afterMessages };
}

/// <summary>The kinds of <see cref="ServerFault"/>.</summary>
public enum FaultKind
{
    /// <summary>The server stops sending and keeps the call open until the client ends it.</summary>
    Stall,

    /// <summary>The TCP connection is cut (RST).</summary>
    DropConnection,

    /// <summary>The TCP connection is closed gracefully (FIN), in the middle of the stream.</summary>
    CloseConnection,

    /// <summary>RST_STREAM with <see cref="ServerFault.Http2Error"/>.</summary>
    ResetStream,

    /// <summary>GOAWAY with <see cref="ServerFault.Http2Error"/>, then the socket closes.</summary>
    GoAway,

    /// <summary>The call ends with <see cref="ServerFault.GrpcStatus"/> and <see cref="ServerFault.Detail"/>.</summary>
    Status,

    /// <summary>The response ends without grpc-status.</summary>
    MissingTrailers,

    /// <summary>The call ends with OK although messages are missing (no <c>complete</c>, no <c>finish_info</c>).</summary>
    EndEarly,

    /// <summary>A length prefix announces more bytes than follow.</summary>
    LengthTooLong,

    /// <summary>A length prefix of 4 GiB.</summary>
    Oversize,

    /// <summary>A compression flag of 1 although no encoding was announced.</summary>
    BadCompressionFlag,

    /// <summary>A compression flag that does not exist (7).</summary>
    UnknownCompressionFlag,

    /// <summary>A well-framed message that is not valid protobuf.</summary>
    NotProtobuf,

    /// <summary>An HTTP status and an HTML body instead of gRPC; only before the first message.</summary>
    HttpAnswer,
}
