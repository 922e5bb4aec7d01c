namespace Connectors.Vllm.Grpc;

/// <summary>Method names of <c>vllm.Inference</c>, its older name <c>vllm.Generate</c>, <c>vllm.Control</c> and the standard health service.</summary>
internal static class InferenceMethods
{
    public const string InferenceService = "vllm.Inference";
    public const string Generate = "/vllm.Inference/Generate";
    public const string GenerateStream = "/vllm.Inference/GenerateStream";
    public const string LegacyGenerate = "/vllm.Generate/Generate";
    public const string LegacyGenerateStream = "/vllm.Generate/GenerateStream";
    public const string GetServerInfo = "/vllm.Control/GetServerInfo";
    public const string GetModelInfo = "/vllm.Control/GetModelInfo";
    public const string Abort = "/vllm.Control/Abort";
    public const string ListLoras = "/vllm.Control/ListLoras";
    public const string HealthCheck = "/grpc.health.v1.Health/Check";
}
