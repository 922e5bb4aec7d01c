using Google.Protobuf;
using EngineProtocol = Connectors.Vllm.Grpc.Protocol.Engine;
using InferenceProtocol = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Testing.Transport;

/// <summary>The request id inside a message.</summary>
internal static class RequestIds
{
    public static string Of(IMessage message) => message switch
    {
        EngineProtocol.GenerateRequest request => request.RequestId,
        EngineProtocol.EmbedRequest request => request.RequestId,
        InferenceProtocol.GenerateRequest request => request.RequestId,
        _ => "",
    };
}
