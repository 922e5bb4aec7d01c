namespace Connectors.Vllm.Testing;

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

    /// <summary>The call ends with OK although messages are missing (family A: no <c>complete</c>; family B: no <c>finish_info</c>).</summary>
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
