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
