namespace Connectors.Vllm.Testing;

/// <summary>A failure the server plays in one call. Immutable.</summary>
public sealed record ServerFault
{
    /// <summary>What goes wrong.</summary>
    public required FaultKind Kind { get; init; }

    /// <summary>
    /// After how many response messages it goes wrong: 0 before the first, <see cref="AtEnd"/> after the last message and before the trailers.
    /// </summary>
    public int AfterMessages { get; init; }

    /// <summary>Value of <see cref="AfterMessages"/> for "after the last message".</summary>
    public const int AtEnd = int.MaxValue;

    /// <summary>HTTP/2 error code for RST_STREAM and GOAWAY (RFC 9113, section 7); default 2, INTERNAL_ERROR.</summary>
    public int Http2Error { get; init; } = 2;

    /// <summary>gRPC status code for <see cref="FaultKind.Status"/>; default 14, UNAVAILABLE.</summary>
    public int GrpcStatus { get; init; } = 14;

    /// <summary>HTTP status for <see cref="FaultKind.HttpAnswer"/>; default 404.</summary>
    public int HttpStatus { get; init; } = 404;

    /// <summary>Status detail, or GOAWAY debug text.</summary>
    public string Detail { get; init; } = "";

    /// <summary>A fault of this kind after so many messages.</summary>
    public static ServerFault After(int messages, FaultKind kind) => new() { Kind = kind, AfterMessages = messages };

    /// <summary>The call ends with this gRPC status after so many messages.</summary>
    public static ServerFault Status(int grpcStatus, string detail, int afterMessages = 0) =>
        new() { Kind = FaultKind.Status, GrpcStatus = grpcStatus, Detail = detail, AfterMessages = afterMessages };
}

/// <summary>What goes wrong in a <see cref="ServerFault"/>.</summary>
public enum FaultKind
{
    /// <summary>The server falls silent and keeps the call open until the client ends it.</summary>
    Stall,

    /// <summary>The TCP connection is cut (RST).</summary>
    DropConnection,

    /// <summary>The TCP connection is closed in order (FIN), in the middle of the stream.</summary>
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

    /// <summary>A length prefix that promises more bytes than follow.</summary>
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
