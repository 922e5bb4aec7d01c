using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Eventing;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace Connectors.Vllm.Aspire.Tests;

/// <summary>The client side, alone and wired to the test server's resource in one process.</summary>
public sealed class ClientTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<VllmProtocol> Protocols => [VllmProtocol.VllmEngine, VllmProtocol.Inference];

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task TestServerResource_ItsConnectionString_GivesAChatClientWithSpansAndHealth(VllmProtocol protocol)
    {
        var builder = DistributedApplication.CreateBuilder(
            new DistributedApplicationOptions { DisableDashboard = true, AssemblyName = typeof(ClientTests).Assembly.FullName });
        var resource = builder.AddVllmTestServer("vllm", options => options.Protocol = protocol).Resource;
        await using var application = builder.Build();
        var services = application.Services;
        var eventing = services.GetRequiredService<IDistributedApplicationEventing>();
        await eventing.PublishAsync(
            new InitializeResourceEvent(resource, eventing, services.GetRequiredService<ResourceLoggerService>(),
                services.GetRequiredService<ResourceNotificationService>(), services), Token);
        var connectionString = await resource.ConnectionStringExpression.GetValueAsync(Token);
        using var root = new Activity("test").Start();
        var spans = new ConcurrentQueue<Activity>();
        using var listener = Listen(root, spans);

        var service = Host.CreateEmptyApplicationBuilder(null);
        service.Configuration.AddInMemoryCollection([new("ConnectionStrings:vllm", connectionString)]);
        service.AddVllmGrpcClient("vllm").AddChatClient();
        using var host = service.Build();
        var response = await host.Services.GetRequiredService<IChatClient>().GetResponseAsync("Hello", cancellationToken: Token);
        var health = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Token);

        Assert.NotEmpty(response.Text);
        Assert.Equal(HealthStatus.Healthy, health.Entries["Vllm_vllm"].Status);
        var span = Assert.Single(spans, span => span.Source.Name == "Experimental.Microsoft.Extensions.AI");
        Assert.Equal(TinyModel.Name, span.GetTagItem("gen_ai.response.model"));
        Assert.NotNull(span.GetTagItem("gen_ai.usage.output_tokens"));
        var check = services.GetRequiredService<HealthCheckService>();
        Assert.Equal(HealthStatus.Healthy, (await check.CheckHealthAsync(registration => registration.Name == "vllm_grpc", Token)).Status);
    }

    [Fact]
    public void ConnectionString_Missing_NamesKeyAndWhatToDo()
    {
        var exception = Assert.Throws<InvalidOperationException>(() => Host.CreateEmptyApplicationBuilder(null).AddVllmGrpcClient("vllm"));

        Assert.Contains("ConnectionStrings:vllm", exception.Message, StringComparison.Ordinal);
        Assert.Contains("Aspire:Vllm:vllm:Endpoint", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ConnectionStrings:vllm", "Host=gpu")]
    [InlineData("ConnectionStrings:vllm", "Endpoint=gpu")]
    [InlineData("Aspire:Vllm:Endpoint", "gpu")]
    [InlineData("Aspire:Vllm:vllm:DisableTracing", "perhaps")]
    public void Setting_ThatCannotBeRead_IsNamed(string key, string value)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection([new(key, value)]);

        Assert.Contains(key, Assert.Throws<InvalidOperationException>(() => builder.AddVllmGrpcClient("vllm")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_OfSectionsAndConnectionString_WinInThatOrder()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(
        [
            new("Aspire:Vllm:Model", "general"), new("Aspire:Vllm:ModelDirectory", "/general"), new("Aspire:Vllm:vllm:Model", "own"),
            new("Aspire:Vllm:DisableHealthChecks", "true"),
            new("ConnectionStrings:vllm", "Endpoint=http://gpu-box:50051;Model=connection"),
        ]);
        VllmGrpcClientSettings? seen = null;

        builder.AddVllmGrpcClient("vllm", settings => seen = settings);

        Assert.Equal(("connection", "/general", new Uri("http://gpu-box:50051"), true),
            (seen!.Model, seen.ModelDirectory, seen.Endpoint, seen.DisableHealthChecks));
        Assert.DoesNotContain(builder.Services, service => service.ServiceType == typeof(HealthCheckService));
    }

    [Fact]
    public void KeyedClients_TwoServers_AreApart()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection([new("ConnectionStrings:a", "http://a:1"), new("ConnectionStrings:b", "http://b:2")]);
        builder.AddKeyedVllmGrpcClient("a").AddKeyedChatClient("a");
        builder.AddKeyedVllmGrpcClient("b").AddKeyedChatClient("b");
        using var host = builder.Build();

        Assert.Equal("a", host.Services.GetRequiredKeyedService<IChatClient>("a").GetService<ChatClientMetadata>()!.ProviderUri!.Host);
        Assert.Equal("b", host.Services.GetRequiredKeyedService<VllmChatClient>("b").GetService<ChatClientMetadata>()!.ProviderUri!.Host);
        Assert.Null(host.Services.GetService<VllmChatClient>());
    }

    [Fact]
    public void ConfigurationSchema_NamesEverySetting()
    {
        using var schema =
            JsonDocument.Parse(File.ReadAllText(Path.Combine(TestPaths.RepositoryRoot, "src", "Connectors.Vllm.Aspire", "ConfigurationSchema.json")));
        var known = schema.RootElement.GetProperty("properties").GetProperty("Aspire").GetProperty("properties").GetProperty("Vllm")
            .GetProperty("properties");

        Assert.Equal(typeof(VllmGrpcClientSettings).GetProperties().Select(property => property.Name).Order(),
            known.EnumerateObject().Select(property => property.Name).Order());
    }

    private static ActivityListener Listen(Activity root, ConcurrentQueue<Activity> spans)
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name.Contains("Extensions.AI", StringComparison.Ordinal),
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity =>
            {
                if (activity.TraceId == root.TraceId)
                {
                    spans.Enqueue(activity);
                }
            },
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }
}
