using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Connectors.Vllm.Aspire.Hosting;
using Connectors.Vllm.Grpc;

namespace Connectors.Vllm.Aspire.Tests;

/// <summary>The application model: what the container of a vLLM resource is started with. No container is started.</summary>
public sealed class HostingTests
{
    private const string Model = "Qwen/Qwen3-8B";

    [Fact]
    public async Task AddVllm_VllmEngineProtocol_InstallsTheServicerAndServesGrpcAlone()
    {
        var builder = Builder();

        var vllm = builder.AddVllm("vllm", Model).WithServedModelName("qwen").WithMaxModelLength(8192).WithTensorParallel(2)
            .WithArgs("--enforce-eager");

        Assert.Equal(
            ["-c",
                "import os, subprocess, sys; "
                    + "subprocess.check_call([sys.executable, '-m', 'pip', 'install', '--quiet', 'smg-grpc-servicer==0.14.1']); "
                    + "os.execvp('vllm', ['vllm', 'serve', *sys.argv[1:]])",
                Model, "--host", "0.0.0.0", "--port", "8000", "--grpc", "--served-model-name", "qwen", "--max-model-len", "8192",
                "--tensor-parallel-size", "2", "--enforce-eager"],
            await ArgumentsAsync(vllm.Resource));
        Assert.Equal("python3", vllm.Resource.Entrypoint);
        Assert.Empty(await EnvironmentAsync(builder, vllm.Resource));
        var endpoint = Assert.Single(vllm.Resource.Annotations.OfType<EndpointAnnotation>());
        Assert.Equal(("grpc", 8000, "http2"), (endpoint.Name, endpoint.TargetPort, endpoint.Transport));
    }

    [Fact]
    public async Task AddVllm_InferenceProtocol_ServesGrpcBesideHttp()
    {
        var builder = Builder();

        var vllm = builder.AddVllm("vllm", Model, VllmProtocol.Inference, grpcPort: 50051);

        Assert.Equal([Model, "--host", "0.0.0.0", "--port", "8000", "--grpc-port", "50051"], await ArgumentsAsync(vllm.Resource));
        Assert.Null(vllm.Resource.Entrypoint);
        Assert.Equal("1", (await EnvironmentAsync(builder, vllm.Resource))["VLLM_USE_RUST_FRONTEND"]);
        Assert.Equal(
            [("grpc", 50051, (int?)50051), ("http", 8000, null)],
            vllm.Resource.Annotations.OfType<EndpointAnnotation>()
                .Select(endpoint => (endpoint.Name, endpoint.TargetPort!.Value, endpoint.Port)).Order());
    }

    [Fact]
    public void AddVllm_Image_IsPinnedAndCanBeReplaced()
    {
        var vllm = Builder().AddVllm("vllm", Model);
        var pinned = Assert.Single(vllm.Resource.Annotations.OfType<ContainerImageAnnotation>());
        Assert.Equal(("docker.io", "vllm/vllm-openai", "v0.32.0"), (pinned.Registry, pinned.Image, pinned.Tag));

        vllm.WithImage("my/vllm", "1").WithGrpcServicer(null);

        Assert.Equal(("my/vllm", "1"), (pinned.Image, pinned.Tag));
        Assert.Null(vllm.Resource.Entrypoint);
    }

    [Fact]
    public async Task WithModel_CachesAndToken_ReachTheContainer()
    {
        var builder = Builder();
        var token = builder.AddParameter("hf-token", "secret-token", secret: true);

        var vllm = builder.AddVllm("vllm", Model, VllmProtocol.Inference)
            .WithModel("org/other").WithDataVolume("models").WithModelCache("/tmp/hf").WithHuggingFaceToken(token);

        Assert.Equal("org/other", (await ArgumentsAsync(vllm.Resource))[0]);
        Assert.Equal(
            [("models", "/root/.cache/huggingface", ContainerMountType.Volume),
                ("/tmp/hf", "/root/.cache/huggingface", ContainerMountType.BindMount)],
            vllm.Resource.Annotations.OfType<ContainerMountAnnotation>().Select(mount => (mount.Source!, mount.Target, mount.Type)));
        Assert.Same(token.Resource, (await EnvironmentAsync(builder, vllm.Resource))["HF_TOKEN"]);
    }

    [Theory]
    [InlineData(null, "--gpus all")]
    [InlineData("docker", "--gpus all")]
    [InlineData("podman", "--device nvidia.com/gpu=all")]
    public async Task WithGpuSupport_ContainerRuntime_PassesItsOwnFlag(string? runtime, string expected)
    {
        var builder = Builder();
        builder.Configuration["ASPIRE_CONTAINER_RUNTIME"] = runtime;

        var vllm = builder.AddVllm("vllm", Model).WithGpuSupport();

        var arguments = new List<object>();
        foreach (var annotation in vllm.Resource.Annotations.OfType<ContainerRuntimeArgsCallbackAnnotation>())
        {
            await annotation.Callback(new ContainerRuntimeArgsCallbackContext(arguments, TestContext.Current.CancellationToken));
        }

        Assert.StartsWith(expected, string.Join(' ', arguments), StringComparison.Ordinal);
    }

    [Fact]
    public void AddVllm_InvalidInput_NamesResourceAndSetting()
    {
        var builder = Builder();
        builder.Configuration["ASPIRE_CONTAINER_RUNTIME"] = "other";

        Assert.Contains("'vllm'", Assert.Throws<ArgumentException>(() => builder.AddVllm("vllm", " ")).Message, StringComparison.Ordinal);
        Assert.Contains(
            "Inference", Assert.Throws<ArgumentException>(() => builder.AddVllm("vllm", Model, VllmProtocol.Auto)).Message, StringComparison.Ordinal);
        var vllm = builder.AddVllm("vllm", "/models/local", VllmProtocol.Inference);
        Assert.Contains("'other'", Assert.Throws<DistributedApplicationException>(() => vllm.WithGpuSupport()).Message, StringComparison.Ordinal);
        Assert.Contains("WithClientModelDirectory",
            Assert.Throws<DistributedApplicationException>(() => vllm.Resource.ConnectionStringExpression).Message, StringComparison.Ordinal);
        var open = builder.AddParameter("open", "text");
        Assert.Contains("secret: true", Assert.Throws<ArgumentException>(() => vllm.WithHuggingFaceToken(open)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => vllm.WithMaxModelLength(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => vllm.WithTensorParallel(0));
        Assert.Contains("'1'; x'", Assert.Throws<ArgumentException>(() => vllm.WithGrpcServicer("1'; x")).Message, StringComparison.Ordinal);
        Assert.Contains("'vllm'", Assert.Throws<ArgumentException>(() => vllm.WithModel(string.Empty)).Message, StringComparison.Ordinal);
        Assert.Contains("'vllm'", Assert.Throws<ArgumentException>(() => vllm.WithServedModelName(" ")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ConnectionString_OfResource_ContainsAddressModelAndFolder()
    {
        var vllm = Builder().AddVllm("vllm", "/models/local", VllmProtocol.Inference).WithServedModelName("local")
            .WithClientModelDirectory("/srv/local");

        Assert.Equal(
            "Endpoint={vllm.bindings.grpc.scheme}://{vllm.bindings.grpc.host}:{vllm.bindings.grpc.port};Model=local;ModelDirectory=/srv/local",
            vllm.Resource.ConnectionStringExpression.ValueExpression);
    }

    [Fact]
    public void AddVllm_WaitFor_HasAHealthCheck()
    {
        var builder = Builder();

        Assert.Equal("vllm_grpc", Assert.Single(builder.AddVllm("vllm", Model).Resource.Annotations.OfType<HealthCheckAnnotation>()).Key);
        Assert.Equal("test_grpc", Assert.Single(builder.AddVllmTestServer("test").Resource.Annotations.OfType<HealthCheckAnnotation>()).Key);
    }

    private static IDistributedApplicationBuilder Builder() =>
        DistributedApplication.CreateBuilder(
            new DistributedApplicationOptions { DisableDashboard = true, AssemblyName = typeof(HostingTests).Assembly.FullName });

    private static async Task<List<object>> ArgumentsAsync(IResource resource)
    {
        var arguments = new List<object>();
        foreach (var annotation in resource.Annotations.OfType<CommandLineArgsCallbackAnnotation>())
        {
            await annotation.Callback(new CommandLineArgsCallbackContext(arguments, resource, TestContext.Current.CancellationToken));
        }

        return arguments;
    }

    private static async Task<Dictionary<string, object>> EnvironmentAsync(IDistributedApplicationBuilder builder, IResource resource)
    {
        var variables = new Dictionary<string, object>();
        foreach (var annotation in resource.Annotations.OfType<EnvironmentCallbackAnnotation>())
        {
            await annotation.Callback(
                new EnvironmentCallbackContext(builder.ExecutionContext, resource, variables, TestContext.Current.CancellationToken));
        }

        return variables;
    }
}
