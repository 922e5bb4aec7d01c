namespace Connectors.Vllm.Testing.Tests;

internal static class Methods
{
    public const string Generate = "/vllm.grpc.engine.VllmEngine/Generate";
    public const string Abort = "/vllm.grpc.engine.VllmEngine/Abort";
    public const string Embed = "/vllm.grpc.engine.VllmEngine/Embed";
    public const string InferenceGenerate = "/vllm.Inference/Generate";
    public const string InferenceStream = "/vllm.Inference/GenerateStream";
}
