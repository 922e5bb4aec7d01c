using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Eventing;
using Connectors.Vllm.Aspire.Hosting;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

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
        var builder = CreateBuilder();
        var resource = builder.AddVllmTestServer("vllm", options => options.Protocol = protocol).Resource;
        await using var application = builder.Build();
        var services = application.Services;
        await StartAsync(resource, services);
        var connectionString = await resource.ConnectionStringExpression.GetValueAsync(Token);
        using var root = new Activity("test").Start();
        var spans = new ConcurrentQueue<Activity>();
        using var listener = Listen(root, spans);

        var service = Configured(("ConnectionStrings:vllm", connectionString!));
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
    public async Task TestServerResource_ApplicationHasStopped_TheServerIsGone()
    {
        var builder = CreateBuilder();
        var resource = builder.AddVllmTestServer("vllm").Resource;
        await using var application = builder.Build();
        await StartAsync(resource, application.Services);
        var connectionString = (await resource.ConnectionStringExpression.GetValueAsync(Token))!;
        var address = new Uri(connectionString["Endpoint=".Length..connectionString.IndexOf(';', StringComparison.Ordinal)]);
        using (var before = new TcpClient())
        {
            await before.ConnectAsync(address.Host, address.Port, Token);
        }

        var end = builder.Services.Where(service => !service.IsKeyedService).Select(service => service.ImplementationInstance)
            .OfType<IHostedLifecycleService>().Single(service => service.GetType().Assembly == typeof(VllmTestServerResource).Assembly);
        await end.StoppedAsync(Token);

        using var after = new TcpClient();
        await Assert.ThrowsAnyAsync<SocketException>(() => after.ConnectAsync(address.Host, address.Port, Token).AsTask());
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
    [InlineData("ConnectionStrings:vllm", "Endpoint=http://gpu:1;Modle=typo")]
    [InlineData("ConnectionStrings:vllm", "Model=alone")]
    [InlineData("ConnectionStrings:vllm", "Endpoint=gpu")]
    [InlineData("ConnectionStrings:vllm", "=;=")]
    [InlineData("Aspire:Vllm:Endpoint", "gpu")]
    [InlineData("Aspire:Vllm:vllm:DisableTracing", "perhaps")]
    public void Setting_ThatCannotBeRead_IsNamed(string key, string value)
    {
        var builder = Configured((key, value));

        Assert.Contains(key, Assert.Throws<InvalidOperationException>(() => builder.AddVllmGrpcClient("vllm")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_OfSectionsAndConnectionString_WinInThatOrder()
    {
        var builder = Configured(
            ("Aspire:Vllm:ModelId", "general"),
            ("Aspire:Vllm:ModelRepository", "org/general"),
            ("Aspire:Vllm:Connection:CallTimeout", "00:00:07"),
            ("Aspire:Vllm:Connection:BearerToken", "general"),
            ("Aspire:Vllm:TokensAllowedInContent:0", "<a>"),
            ("Aspire:Vllm:TokensAllowedInContent:1", "<b>"),
            ("Aspire:Vllm:DisableHealthChecks", "true"),
            ("Aspire:Vllm:other:Connection:CallTimeout", "00:00:01"),
            ("Aspire:Vllm:Endpoint", "http://general:1"),
            ("Aspire:Vllm:vllm:ModelId", "own"),
            ("Aspire:Vllm:vllm:Connection:BearerToken", "own"),
            ("Aspire:Vllm:vllm:TokensAllowedInContent:0", "<c>"),
            ("Aspire:Vllm:vllm:Endpoints:0", "http://own:1"),
            ("ConnectionStrings:vllm", "Endpoint=http://gpu-box:50051;Model=connection"));
        VllmGrpcOptions? seen = null;

        builder.AddVllmGrpcClient("vllm", configureOptions: options => seen = options).AddChatClient();
        using var host = builder.Build();
        _ = host.Services.GetRequiredService<IChatClient>();

        Assert.Equal("connection", seen!.ModelId);
        Assert.Equal("org/general", seen.ModelRepository);
        Assert.Equal([new Uri("http://gpu-box:50051")], seen.Endpoints);
        Assert.Equal(["<c>"], seen.TokensAllowedInContent);
        Assert.Equal((TimeSpan.FromSeconds(7), "own"), (seen.Connection.CallTimeout, seen.Connection.BearerToken));
        Assert.DoesNotContain(builder.Services, service => service.ServiceType == typeof(HealthCheckService));
    }

    [Fact]
    public void Endpoints_Several_NeedNoConnectionString()
    {
        var builder = Configured(("Aspire:Vllm:vllm:Endpoints:0", "http://a:1"), ("Aspire:Vllm:vllm:Endpoints:1", "http://b:2"));
        VllmGrpcOptions? seen = null;

        builder.AddVllmGrpcClient("vllm", configureOptions: options => seen = options).AddChatClient();
        using var host = builder.Build();
        _ = host.Services.GetRequiredService<IChatClient>();

        Assert.Equal([new Uri("http://a:1"), new Uri("http://b:2")], seen!.Endpoints);
    }

    [Theory]
    [InlineData("Aspire:Vllm:Connection:CallTimeout", "30")]
    [InlineData("Aspire:Vllm:vllm:Connection:Retry:MaxRetries", "many")]
    [InlineData("Aspire:Vllm:vllm:ToolCallParser", "nobody")]
    [InlineData("Aspire:Vllm:ModelDirectory", "/does/not/exist")]
    [InlineData("ConnectionStrings:vllm", "Endpoint=http://gpu:1;ModelDirectory=/does/not/exist")]
    public async Task Option_ThatIsWrong_IsNamedByItsOwnKeyWhenTheHostStarts(string key, string value)
    {
        var builder = Configured(("ConnectionStrings:vllm", "http://gpu-box:50051"), (key, value));
        builder.AddVllmGrpcClient("vllm").AddChatClient();
        using var host = builder.Build();

        var exception = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Token));

        Assert.Contains(key, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void KeyedClients_TwoServers_AreApart()
    {
        var builder = Configured(("ConnectionStrings:a", "http://a:1"), ("ConnectionStrings:b", "http://b:2"));
        builder.AddKeyedVllmGrpcClient("a").AddKeyedChatClient("a");
        builder.AddKeyedVllmGrpcClient("b").AddKeyedChatClient("b");
        using var host = builder.Build();

        Assert.Equal("a", host.Services.GetRequiredKeyedService<IChatClient>("a").GetService<ChatClientMetadata>()!.ProviderUri!.Host);
        Assert.Equal("b", host.Services.GetRequiredKeyedService<VllmChatClient>("b").GetService<ChatClientMetadata>()!.ProviderUri!.Host);
        Assert.Null(host.Services.GetService<VllmChatClient>());
    }

    private static HostApplicationBuilder Configured(params (string Key, string Value)[] configuration)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        foreach (var (key, value) in configuration)
        {
            builder.Configuration[key] = value;
        }

        return builder;
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

    private static IDistributedApplicationBuilder CreateBuilder() => DistributedApplication.CreateBuilder(
        new DistributedApplicationOptions { DisableDashboard = true, AssemblyName = typeof(ClientTests).Assembly.FullName });

    private static Task StartAsync(VllmTestServerResource resource, IServiceProvider services)
    {
        var eventing = services.GetRequiredService<IDistributedApplicationEventing>();
        return eventing.PublishAsync(
            new InitializeResourceEvent(resource, eventing, services.GetRequiredService<ResourceLoggerService>(),
                services.GetRequiredService<ResourceNotificationService>(), services), Token);
    }
}
