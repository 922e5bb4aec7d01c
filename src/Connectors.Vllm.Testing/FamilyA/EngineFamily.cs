using System.Collections.Frozen;
using Connectors.Vllm.Grpc.Protocol.Common;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing.Engine;
using Connectors.Vllm.Testing.Transport;
using Google.Protobuf;

namespace Connectors.Vllm.Testing.FamilyA;

/// <summary>The procedures of <c>vllm.grpc.engine.VllmEngine</c>, by age.</summary>
internal sealed class EngineFamily : IRpcFamily
{
    public const string Service = "/vllm.grpc.engine.VllmEngine/";
    private readonly FrozenDictionary<string, RpcMethod> _methods;

    public EngineFamily(ServerState state)
    {
        var age = state.Options.EffectiveAge;
        var generate = new GenerateCalls(state);
        var info = new InfoCalls(state);
        var methods = new Dictionary<string, RpcMethod>(StringComparer.Ordinal)
        {
            [Service + "Generate"] = new(GenerateRequest.Parser, generate.HandleAsync, IsInference: true),
            [Service + "Embed"] = new(EmbedRequest.Parser, new EmbedCalls(state).HandleAsync, IsInference: true),
            [Service + "HealthCheck"] = new(HealthCheckRequest.Parser, info.HealthCheckAsync),
            [Service + "Abort"] = new(AbortRequest.Parser, info.AbortAsync),
            [Service + "GetModelInfo"] = new(GetModelInfoRequest.Parser, info.GetModelInfoAsync),
            [Service + "GetServerInfo"] = new(GetServerInfoRequest.Parser, info.GetServerInfoAsync),
        };
        if (age >= VllmServerAge.A1)
        {
            methods[Service + "GetLoads"] = new(GetLoadsRequest.Parser, info.GetLoadsAsync);
            methods[Service + "GetTokenizer"] = new(GetTokenizerRequest.Parser, new TokenizerCalls(state).HandleAsync);
            methods[Service + "SubscribeKvEvents"] = new(SubscribeKvEventsRequest.Parser, new KvEventCalls(state).HandleAsync);
        }

        if (age >= VllmServerAge.A2)
        {
            methods[Service + "FlushCache"] = new(FlushCacheRequest.Parser, info.FlushCacheAsync);
        }

        if (age >= VllmServerAge.A1 && state.Options.HealthService)
        {
            new HealthCalls(state, ["", "vllm.grpc.engine.VllmEngine"], watchGoesOn: false).AddTo(methods);
        }

        _methods = methods.ToFrozenDictionary(StringComparer.Ordinal);
    }

    public bool AcceptsGzip => true;

    public RpcMethod? Find(string path) => _methods.GetValueOrDefault(path);

    public RpcFailure UnknownMethod(string path) => RpcFailure.Unimplemented("Method not found!");

    public RpcFailure MalformedRequest(InvalidProtocolBufferException exception) =>
        new(RpcStatus.Unknown, "Unexpected <class 'google.protobuf.message.DecodeError'>: Error parsing message");
}
