using Google.Protobuf;

namespace Connectors.Vllm.Testing.Transport;

/// <summary>The procedures of one protocol family and the words it uses when a call never reaches one.</summary>
internal interface IRpcFamily
{
    bool AcceptsGzip { get; }

    RpcMethod? Find(string path);

    RpcFailure UnknownMethod(string path);

    RpcFailure MalformedRequest(InvalidProtocolBufferException exception);
}
