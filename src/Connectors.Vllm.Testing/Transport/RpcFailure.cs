namespace Connectors.Vllm.Testing.Transport;

/// <summary>Ends a call with a status other than OK. Handlers throw it; the call turns it into trailers.</summary>
internal sealed class RpcFailure(RpcStatus status, string detail) : Exception(detail)
{
    public RpcStatus Status { get; } = status;

    public static RpcFailure Invalid(string detail) => new(RpcStatus.InvalidArgument, detail);

    public static RpcFailure Internal(string detail) => new(RpcStatus.Internal, detail);

    public static RpcFailure NotFound(string detail) => new(RpcStatus.NotFound, detail);

    public static RpcFailure Unimplemented(string detail = "") => new(RpcStatus.Unimplemented, detail);
}
