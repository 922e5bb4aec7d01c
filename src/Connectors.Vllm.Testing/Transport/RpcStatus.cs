namespace Connectors.Vllm.Testing.Transport;

/// <summary>The gRPC status codes this server sends (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md).</summary>
internal enum RpcStatus
{
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    FailedPrecondition = 9,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
}
