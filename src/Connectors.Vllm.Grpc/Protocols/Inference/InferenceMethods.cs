using Connectors.Vllm.Grpc.Protocol.Health;
using Connectors.Vllm.Grpc.Protocol.Inference;
using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// The methods of <c>vllm.Inference</c>, of its older name <c>vllm.Generate</c>, of <c>vllm.Control</c> and of the standard health service.
/// </summary>
internal static class InferenceMethods
{
    public const string InferenceService = "vllm.Inference";
    private const string LegacyService = "vllm.Generate";
    private const string ControlService = "vllm.Control";

    public static readonly Method<OutgoingMessage, ServerInfo> GetServerInfo = Rpc.Unary(ControlService, "GetServerInfo", ServerInfo.Parser);

    public static readonly Method<OutgoingMessage, ModelInfo> GetModelInfo = Rpc.Unary(ControlService, "GetModelInfo", ModelInfo.Parser);

    public static readonly Method<OutgoingMessage, AbortResponse> Abort = Rpc.Unary(ControlService, "Abort", AbortResponse.Parser);

    public static readonly Method<OutgoingMessage, ListLorasResponse> ListLoras = Rpc.Unary(ControlService, "ListLoras", ListLorasResponse.Parser);

    public static readonly Method<OutgoingMessage, HealthCheckResponse> HealthCheck =
        Rpc.Unary("grpc.health.v1.Health", "Check", HealthCheckResponse.Parser);

    private static readonly GenerateMethods Inference = new(InferenceService);

    private static readonly GenerateMethods Legacy = new(LegacyService);

    /// <summary>The unary call that exists under each name, for detection.</summary>
    public static Method<OutgoingMessage, object> Probe(bool isLegacy) => (isLegacy ? Legacy : Inference).Single;

    public static Method<OutgoingMessage, object> Generate(bool isLegacy, bool stream, bool wholeMessages)
    {
        var methods = isLegacy ? Legacy : Inference;
        return wholeMessages ? (stream ? methods.StreamWhole : methods.SingleWhole) : (stream ? methods.Stream : methods.Single);
    }

    private sealed class GenerateMethods(string service)
    {
        public Method<OutgoingMessage, object> Single { get; } = Rpc.Streaming(service, "Generate", InferenceReader.Parse);

        public Method<OutgoingMessage, object> Stream { get; } = Rpc.Streaming(service, "GenerateStream", InferenceReader.Parse);

        public Method<OutgoingMessage, object> SingleWhole { get; } = Rpc.Streaming<object>(service, "Generate", GenerateResponse.Parser.ParseFrom);

        public Method<OutgoingMessage, object> StreamWhole { get; } =
            Rpc.Streaming<object>(service, "GenerateStream", GenerateResponse.Parser.ParseFrom);
    }
}
