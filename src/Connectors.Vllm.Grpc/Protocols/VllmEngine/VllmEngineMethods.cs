namespace Connectors.Vllm.Grpc;

/// <summary>Method names of <c>vllm.grpc.engine.VllmEngine</c>.</summary>
internal static class VllmEngineMethods
{
    private const string Service = "/vllm.grpc.engine.VllmEngine/";

    public const string Generate = Service + "Generate";
    public const string Embed = Service + "Embed";
    public const string HealthCheck = Service + "HealthCheck";
    public const string Abort = Service + "Abort";
    public const string GetModelInfo = Service + "GetModelInfo";
    public const string GetServerInfo = Service + "GetServerInfo";
    public const string GetLoads = Service + "GetLoads";
    public const string GetTokenizer = Service + "GetTokenizer";
}
