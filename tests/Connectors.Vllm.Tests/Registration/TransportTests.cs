using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace Connectors.Vllm.Tests;

/// <summary>What a registration does about the connection.</summary>
public sealed class TransportTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AddVllmGrpc_HandlerOfAnHttpClientFactory_CarriesTheCalls()
    {
        await using var server = await VllmEmulator.StartAsync();
        server.Reply("ok");
        var counter = new Counter();
        var services = new ServiceCollection();
        services.AddHttpClient("vllm").AddHttpMessageHandler(() => new CountingHandler(counter));
        services.AddVllmGrpc(server.Endpoint);
        services.AddOptions<VllmGrpcOptions>()
            .Configure<IHttpMessageHandlerFactory>((options, factory) => options.Connection.HttpHandler = factory.CreateHandler("vllm"));
        await using var provider = services.BuildServiceProvider();

        var response = await provider.GetRequiredService<IChatClient>().GetResponseAsync("Hi", cancellationToken: Token);

        Assert.Equal("ok", response.Text);
        Assert.Equal(server.Requests.Count, counter.Value);
    }

    [Fact]
    public async Task AddVllmGrpc_LimitsOfSilence_SuitSomebodyWhoWaitsAndMayBeChanged()
    {
        await using var server = await VllmEmulator.StartAsync();
        var services = new ServiceCollection();
        (TimeSpan? FirstToken, TimeSpan? BetweenTokens) seen = default;
        services.AddVllmGrpc(options =>
        {
            options.Endpoints.Add(server.Endpoint);
            seen = (options.Connection.FirstTokenTimeout, options.Connection.BetweenTokensTimeout);
            options.Connection.FirstTokenTimeout = TimeSpan.FromHours(1);
        });
        await using var provider = services.BuildServiceProvider();

        Assert.NotNull(provider.GetRequiredService<IChatClient>());

        Assert.Equal((TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(1)), seen);
    }

    private sealed class Counter
    {
        private int _value;

        public int Value => _value;

        public void Add() => Interlocked.Increment(ref _value);
    }

    private sealed class CountingHandler(Counter counter) : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            counter.Add();
            return base.SendAsync(request, cancellationToken);
        }
    }
}
