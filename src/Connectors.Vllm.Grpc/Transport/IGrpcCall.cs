namespace Connectors.Vllm.Grpc;

/// <summary>A running call. For one reader at a time; disposing it before its end resets it.</summary>
internal interface IGrpcCall : IDisposable
{
    /// <summary>The message <see cref="MoveNextAsync"/> moved to; valid until the next move or disposal.</summary>
    ReadOnlyMemory<byte> Current { get; }

    /// <summary>The server has ended the call, well or not, or the connection is gone: there is nothing left to cancel.</summary>
    bool IsEnded { get; }

    /// <summary>
    /// Moves to the next message; false after the last one of a call that ended well. Every other end throws: a
    /// <see cref="VllmException"/>, or <see cref="OperationCanceledException"/> for the token given at the start.
    /// </summary>
    ValueTask<bool> MoveNextAsync();
}
