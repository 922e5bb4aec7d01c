namespace Connectors.Vllm.Grpc;

/// <summary>gRPC status codes (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md).</summary>
public enum VllmStatusCode
{
    /// <summary>No error.</summary>
    Ok = 0,

    /// <summary>The call was cancelled.</summary>
    Cancelled = 1,

    /// <summary>An error without a better code.</summary>
    Unknown = 2,

    /// <summary>The request is wrong, whatever the state of the server.</summary>
    InvalidArgument = 3,

    /// <summary>The deadline passed first.</summary>
    DeadlineExceeded = 4,

    /// <summary>What was asked for does not exist, e.g. a model or an adapter.</summary>
    NotFound = 5,

    /// <summary>What was to be created exists.</summary>
    AlreadyExists = 6,

    /// <summary>The caller may not do this.</summary>
    PermissionDenied = 7,

    /// <summary>Out of some resource.</summary>
    ResourceExhausted = 8,

    /// <summary>The server is not in the state that this call needs.</summary>
    FailedPrecondition = 9,

    /// <summary>Stopped, typically by a concurrent operation.</summary>
    Aborted = 10,

    /// <summary>Past a valid range, e.g. a message over the server's size limit.</summary>
    OutOfRange = 11,

    /// <summary>The server does not know this method.</summary>
    Unimplemented = 12,

    /// <summary>Something broke inside the server, or what it sent breaks the protocol.</summary>
    Internal = 13,

    /// <summary>The server cannot be reached or is going away.</summary>
    Unavailable = 14,

    /// <summary>Data was lost.</summary>
    DataLoss = 15,

    /// <summary>No valid credentials.</summary>
    Unauthenticated = 16,
}
