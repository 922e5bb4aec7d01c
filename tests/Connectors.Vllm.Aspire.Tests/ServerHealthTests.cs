using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Connectors.Vllm.Emulator;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Connectors.Vllm.Aspire.Tests;

/// <summary>The health check behind <c>WaitFor</c>: a server that loads its model is degraded, a dead one unhealthy, each in its own words.</summary>
public sealed class ServerHealthTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Check_BeforeTheContainerHasAnAddress_Waits()
    {
        await using var application = Application(null);

        Assert.Equal(HealthStatus.Degraded, (await CheckAsync(application)).Status);
    }

    [Fact]
    public async Task Check_NothingListensYet_IsLoading()
    {
        await using var server = await VllmTestServer.StartAsync(cancellationToken: Token);
        await server.StopAsync();
        await using var application = Application(server.Endpoint);

        var entry = await CheckAsync(application);

        Assert.Equal(HealthStatus.Degraded, entry.Status);
        Assert.Contains("opens its port once its model is loaded", entry.Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_ServerThatLoadsItsModel_SaysSoInItsOwnWordsUntilItIsReady()
    {
        await using var server = await VllmEmulator.StartAsync(
            new VllmEmulatorOptions { Server = EmulatedServer.VllmEngineRust, StartsLoading = true }, Token);
        await using var application = Application(server.Endpoint);

        var loading = await CheckAsync(application);
        server.FinishLoading();
        var ready = await CheckAsync(application);

        Assert.Equal((HealthStatus.Degraded, "The model is loading: Engine is starting"), (loading.Status, loading.Description));
        Assert.Equal(HealthStatus.Healthy, ready.Status);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.VllmEngineRust)]
    public async Task Check_EngineDied_IsDead(EmulatedServer kind)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = kind }, Token);
        await using var application = Application(server.Endpoint);
        var before = await CheckAsync(application);

        await server.KillEngineAsync();
        var after = await CheckAsync(application);

        Assert.Equal(HealthStatus.Healthy, before.Status);
        Assert.Equal(HealthStatus.Unhealthy, after.Status);
        Assert.Contains("The engine has died", after.Description, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(VllmProtocol.VllmEngine)]
    [InlineData(VllmProtocol.Inference)]
    public async Task Check_ServerThatWentAway_IsDeadUntilItIsBack(VllmProtocol protocol)
    {
        await using var server = await VllmTestServer.StartAsync(new VllmTestServerOptions { Protocol = protocol }, Token);
        await using var application = Application(server.Endpoint);
        var before = await CheckAsync(application);

        await server.StopAsync();
        var away = await CheckAsync(application);
        await server.RestartAsync(Token);
        var back = await CheckAsync(application);

        Assert.Equal(
            (HealthStatus.Healthy, HealthStatus.Unhealthy, HealthStatus.Healthy), (before.Status, away.Status, back.Status));
        Assert.Contains("accepted requests before", away.Description, StringComparison.Ordinal);
    }

    /// <summary>A vLLM resource whose container, as far as the application knows, listens at an address.</summary>
    private static DistributedApplication Application(Uri? endpoint)
    {
        var builder = DistributedApplication.CreateBuilder(
            new DistributedApplicationOptions { DisableDashboard = true, AssemblyName = typeof(ServerHealthTests).Assembly.FullName });
        var vllm = builder.AddVllm("vllm", "Qwen/Qwen3-8B");
        if (endpoint is not null)
        {
            var annotation = vllm.Resource.Annotations.OfType<EndpointAnnotation>().Single();
            annotation.AllocatedEndpoint = new AllocatedEndpoint(annotation, endpoint.Host, endpoint.Port);
        }

        return builder.Build();
    }

    private static async Task<HealthReportEntry> CheckAsync(DistributedApplication application)
    {
        var checks = application.Services.GetRequiredService<HealthCheckService>();
        return (await checks.CheckHealthAsync(registration => registration.Name == "vllm_grpc", Token)).Entries["vllm_grpc"];
    }
}
