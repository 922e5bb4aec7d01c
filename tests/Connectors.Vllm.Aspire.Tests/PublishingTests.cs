using System.Text.Json;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Connectors.Vllm.Aspire.Hosting;
using Connectors.Vllm.Grpc;

namespace Connectors.Vllm.Aspire.Tests;

/// <summary>What an AppHost with vLLM publishes: Aspire's manifest, from which deployment tools make their own files.</summary>
public sealed class PublishingTests
{
    [Fact]
    public async Task Manifest_VllmEngineProtocol_HoldsTheContainerAndItsConnectionString()
    {
        using var manifest = await PublishAsync(VllmProtocol.VllmEngine);
        var vllm = manifest.RootElement.GetProperty("resources").GetProperty("vllm");

        Assert.Equal("python3", vllm.GetProperty("entrypoint").GetString());
        Assert.Equal("-c", Arguments(vllm)[0]);
        Assert.Equal(
            ["Qwen/Qwen3-8B", "--host", "0.0.0.0", "--port", "8000", "--grpc", "--max-model-len", "4096", "--enforce-eager"], Arguments(vllm)[2..]);
        Assert.Equal("grpc", Assert.Single(vllm.GetProperty("bindings").EnumerateObject()).Name);
        Assert.Equal(8000, vllm.GetProperty("bindings").GetProperty("grpc").GetProperty("targetPort").GetInt32());
        AssertCommon(manifest, vllm);
    }

    [Fact]
    public async Task Manifest_InferenceProtocol_HoldsTheContainerAndItsConnectionString()
    {
        using var manifest = await PublishAsync(VllmProtocol.Inference);
        var vllm = manifest.RootElement.GetProperty("resources").GetProperty("vllm");

        Assert.False(vllm.TryGetProperty("entrypoint", out _));
        Assert.Equal(
            ["Qwen/Qwen3-8B", "--host", "0.0.0.0", "--port", "8000", "--grpc-port", "50051", "--max-model-len", "4096", "--enforce-eager"],
            Arguments(vllm));
        Assert.Equal("1", vllm.GetProperty("env").GetProperty("VLLM_USE_RUST_FRONTEND").GetString());
        Assert.Equal(50051, vllm.GetProperty("bindings").GetProperty("grpc").GetProperty("targetPort").GetInt32());
        Assert.Equal(8000, vllm.GetProperty("bindings").GetProperty("http").GetProperty("targetPort").GetInt32());
        AssertCommon(manifest, vllm);
    }

    private static void AssertCommon(JsonDocument manifest, JsonElement vllm)
    {
        Assert.Equal("docker.io/vllm/vllm-openai:v0.32.0", vllm.GetProperty("image").GetString());
        Assert.Equal(
            "Endpoint={vllm.bindings.grpc.scheme}://{vllm.bindings.grpc.host}:{vllm.bindings.grpc.port};Model=Qwen/Qwen3-8B",
            vllm.GetProperty("connectionString").GetString());
        Assert.Equal("http2", vllm.GetProperty("bindings").GetProperty("grpc").GetProperty("transport").GetString());
        Assert.Equal("{hf-token.value}", vllm.GetProperty("env").GetProperty("HF_TOKEN").GetString());
        Assert.Equal("/root/.cache/huggingface", vllm.GetProperty("volumes")[0].GetProperty("target").GetString());
        Assert.True(manifest.RootElement.GetProperty("resources").GetProperty("hf-token")
            .GetProperty("inputs").GetProperty("value").GetProperty("secret").GetBoolean());

        // Compose and Kubernetes would replace a variable of their own.
        Assert.DoesNotContain(Arguments(vllm), argument => argument.Contains('$', StringComparison.Ordinal));

        // The test server is for development; nothing of it is published.
        Assert.False(manifest.RootElement.GetProperty("resources").TryGetProperty("test", out _));
    }

    private static string[] Arguments(JsonElement resource) =>
        [.. resource.GetProperty("args").EnumerateArray().Select(argument => argument.GetString()!)];

    private static async Task<JsonDocument> PublishAsync(VllmProtocol protocol)
    {
        var folder = Directory.CreateTempSubdirectory("vllm-aspire-");
        try
        {
            var path = Path.Combine(folder.FullName, "manifest.json");
            var builder = DistributedApplication.CreateBuilder(new DistributedApplicationOptions
            {
                Args = ["--publisher", "manifest", "--output-path", path],
                AssemblyName = typeof(PublishingTests).Assembly.FullName,
            });
            builder.AddVllm("vllm", "Qwen/Qwen3-8B", protocol)
                .WithGpuSupport().WithDataVolume().WithMaxModelLength(4096).WithArgs("--enforce-eager")
                .WithHuggingFaceToken(builder.AddParameter("hf-token", secret: true));
            builder.AddVllmTestServer("test");
            await using var application = builder.Build();
            await application.RunAsync(TestContext.Current.CancellationToken);
            return JsonDocument.Parse(await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
