using System.Collections.Frozen;
using Connectors.Vllm.Grpc.Protocol.Inference;
using Connectors.Vllm.Testing.Engine;
using Connectors.Vllm.Testing.Transport;
using Google.Protobuf;

namespace Connectors.Vllm.Testing.FamilyB;

/// <summary>The procedures of <c>vllm.Inference</c> and <c>vllm.Control</c>, or of their ancestor <c>vllm.Generate</c>.</summary>
internal sealed class InferenceFamily : IRpcFamily
{
    private const int MaxRequestBytes = 33_554_432;
    private readonly FrozenDictionary<string, RpcMethod> _methods;

    public InferenceFamily(ServerState state)
    {
        var isFirstAge = state.Options.EffectiveAge == VllmServerAge.B0;
        var service = isFirstAge ? "vllm.Generate" : "vllm.Inference";
        var generate = new InferenceCalls(state);
        var methods = new Dictionary<string, RpcMethod>(StringComparer.Ordinal)
        {
            [$"/{service}/Generate"] = new(GenerateRequest.Parser, generate.WholeAsync, IsInference: true, MaxRequestBytes),
            [$"/{service}/GenerateStream"] = new(GenerateRequest.Parser, generate.StreamAsync, IsInference: true, MaxRequestBytes),
        };
        var served = new List<string> { "", service };
        if (!isFirstAge && state.Options.ControlService)
        {
            new ControlCalls(state).AddTo(methods);
            served.Add("vllm.Control");
        }

        if (state.Options.HealthService)
        {
            new HealthCalls(state, served, watchGoesOn: true).AddTo(methods);
        }

        _methods = methods.ToFrozenDictionary(StringComparer.Ordinal);
    }

    public bool AcceptsGzip => false;

    public RpcMethod? Find(string path) => _methods.GetValueOrDefault(path);

    public RpcFailure UnknownMethod(string path) => RpcFailure.Unimplemented();

    public RpcFailure MalformedRequest(InvalidProtocolBufferException exception) =>
        RpcFailure.Internal($"failed to decode Protobuf message: {exception.Message}");
}
