using Connectors.Vllm.Grpc.Protocol.Common;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>The methods of <c>vllm.grpc.engine.VllmEngine</c>.</summary>
internal static class VllmEngineMethods
{
    private const string Service = "vllm.grpc.engine.VllmEngine";

    public static readonly Method<OutgoingMessage, object> Generate = Rpc.Streaming(Service, "Generate", VllmEngineReader.Parse);

    /// <summary>The same, for those who want each message whole.</summary>
    public static readonly Method<OutgoingMessage, object> GenerateWhole =
        Rpc.Streaming<object>(Service, "Generate", GenerateResponse.Parser.ParseFrom);

    public static readonly Method<OutgoingMessage, GetTokenizerChunk> GetTokenizer =
        Rpc.Streaming(Service, "GetTokenizer", GetTokenizerChunk.Parser.ParseFrom);

    public static readonly Method<OutgoingMessage, EmbedResponse> Embed = Rpc.Unary(Service, "Embed", EmbedResponse.Parser);

    public static readonly Method<OutgoingMessage, HealthCheckResponse> HealthCheck = Rpc.Unary(Service, "HealthCheck", HealthCheckResponse.Parser);

    public static readonly Method<OutgoingMessage, AbortResponse> Abort = Rpc.Unary(Service, "Abort", AbortResponse.Parser);

    public static readonly Method<OutgoingMessage, GetModelInfoResponse> GetModelInfo =
        Rpc.Unary(Service, "GetModelInfo", GetModelInfoResponse.Parser);

    public static readonly Method<OutgoingMessage, GetServerInfoResponse> GetServerInfo =
        Rpc.Unary(Service, "GetServerInfo", GetServerInfoResponse.Parser);

    public static readonly Method<OutgoingMessage, GetLoadsResponse> GetLoads = Rpc.Unary(Service, "GetLoads", GetLoadsResponse.Parser);

    /// <summary>The health check of another engine's service, which has the same name and shape.</summary>
    public static Method<OutgoingMessage, HealthCheckResponse> HealthCheckOf(string service) =>
        Rpc.Unary(service, "HealthCheck", HealthCheckResponse.Parser);
}
