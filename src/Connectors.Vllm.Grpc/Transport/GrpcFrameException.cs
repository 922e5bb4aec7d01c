namespace Connectors.Vllm.Grpc;

/// <summary>What is wrong with a response's bytes; the call that read them adds where and throws <see cref="VllmProtocolException"/>.</summary>
internal sealed class GrpcFrameException(VllmStatusCode statusCode, string message, Exception? innerException = null)
    : Exception(message, innerException)
{
    public VllmStatusCode StatusCode { get; } = statusCode;
}
