using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.Recording;

internal sealed class RecordingProxy(Uri upstream, string? file) : IRawCallHandler
{
    public Task HandleAsync(GrpcCall call, byte[] request) => throw new NotSupportedException($"{upstream} {file}");
}
