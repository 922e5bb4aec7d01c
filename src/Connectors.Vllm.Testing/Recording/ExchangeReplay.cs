using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.Recording;

internal sealed class ExchangeReplay : IRawCallHandler
{
    public static ExchangeReplay Load(string file) => throw new NotSupportedException(file);

    public Task HandleAsync(GrpcCall call, byte[] request) => throw new NotSupportedException();
}
