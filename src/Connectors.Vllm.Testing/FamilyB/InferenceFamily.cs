using Connectors.Vllm.Testing.Engine;
using Connectors.Vllm.Testing.Transport;
using Google.Protobuf;

namespace Connectors.Vllm.Testing.FamilyB;

internal sealed class InferenceFamily(ServerState state) : IRpcFamily
{
    public bool AcceptsGzip => false;

    public RpcMethod? Find(string path) => state.EngineDead ? null : null;

    public RpcFailure UnknownMethod(string path) => RpcFailure.Unimplemented();

    public RpcFailure MalformedRequest(InvalidProtocolBufferException exception) => RpcFailure.Internal("failed to decode Protobuf message");
}
