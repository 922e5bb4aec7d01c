namespace Connectors.Vllm.Grpc;

/// <summary>Everything that describes one call.</summary>
internal sealed class GrpcCallRequest
{
    /// <summary>Full method name with both slashes.</summary>
    public required string Method { get; init; }

    /// <summary>The request message with its five-byte prefix.</summary>
    public required ReadOnlyMemory<byte> Frame { get; init; }

    public string? RequestId { get; init; }

    /// <summary>
    /// Not null: the message is sent only if <see cref="IGrpcTransport.Connections"/> is still this when it is written; else the start throws
    /// <see cref="ConnectionRenewedException"/> and the server has seen no message.
    /// </summary>
    public int? ExpectedConnections { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>Limit for the whole call, also told to the server.</summary>
    public TimeSpan? Timeout { get; init => field = Finite(value); }

    public TimeSpan? FirstMessageTimeout { get; init => field = Finite(value); }

    public TimeSpan? BetweenMessagesTimeout { get; init => field = Finite(value); }

    /// <summary>Turns a status that the server sent into the exception to throw; null takes <see cref="ServerErrors.ToException"/> alone.</summary>
    public Func<VllmException, VllmException>? ErrorFilter { get; init; }

    private static TimeSpan? Finite(TimeSpan? limit) => limit == System.Threading.Timeout.InfiniteTimeSpan ? null : limit;
}
