namespace Connectors.Vllm.Testing.Transport;

/// <summary>Answers calls by their bytes alone: the recording proxy and the replay.</summary>
internal interface IRawCallHandler
{
    Task HandleAsync(GrpcCall call, byte[] request);
}
