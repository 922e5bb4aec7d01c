using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace Connectors.Vllm.Tests.Middleware;

#pragma warning disable MEAI001 // Reducers are experimental in Microsoft.Extensions.AI.

/// <summary>
/// The history-reducing and option-setting clients of Microsoft.Extensions.AI on top of ours, and whole pipelines from a container.
/// </summary>
public sealed class ReductionTests
{
    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Reducer_CountingMessages_SendsOnlyTheLast(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        using var client = served.Client.AsBuilder().UseChatReducer(new MessageCountingChatReducer(2)).Build();

        await client.GetResponseAsync(
            [new(ChatRole.System, "Be kind."), new(ChatRole.User, "one"), new(ChatRole.Assistant, "two"), new(ChatRole.User, "three")],
            cancellationToken: Served.Cancel);

        Assert.DoesNotContain("one", served.LastPrompt);
        Assert.Contains("Be kind.", served.LastPrompt);
        Assert.Contains("two", served.LastPrompt);
        Assert.Contains("three", served.LastPrompt);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Reducer_Summarizing_AsksUsForTheSummaryAndSendsIt(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue("They counted.");
        served.Server.Enqueue("Five.");
        using var client = served.Client.AsBuilder().UseChatReducer(new SummarizingChatReducer(served.Client, 2, 0)).Build();

        var response = await client.GetResponseAsync(
            [new(ChatRole.User, "one"), new(ChatRole.Assistant, "two"), new(ChatRole.User, "three"), new(ChatRole.Assistant, "four"),
                new(ChatRole.User, "And then?")],
            cancellationToken: Served.Cancel);

        Assert.Equal("Five.", response.Text);
        Assert.Equal(2, served.Sent.Count);
        Assert.Contains("They counted.", served.LastPrompt);
        Assert.DoesNotContain("one", served.LastPrompt);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task ConfigureOptions_SetsExtras_OnACopy(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        using var client = served.Client.AsBuilder().ConfigureOptions(options => options.MinP = 0.125f).Build();
        var mine = new ChatOptions { TopK = 3 };

        await client.GetResponseAsync("Hi", mine, Served.Cancel);

        Assert.Equal((0.125f, 3), (served.LastSent.MinP, served.LastSent.TopK));
        Assert.Null(mine.MinP);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Container_UseWithABuilder_IsAWholePipeline(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue(TestTools.Hermes("now", "{}"));
        served.Server.Enqueue("Noon.");
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddDistributedMemoryCache();
        services.AddVllmGrpc(options => Copy(served, options))
            .UseFunctionInvocation().UseDistributedCache().UseOpenTelemetry().UseLogging();
        await using var container = services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
        var client = container.GetRequiredService<IChatClient>();

        var response = await client.GetResponseAsync("Time?", new ChatOptions { Tools = [TestTools.Now] }, Served.Cancel);
        await client.GetResponseAsync("Time?", new ChatOptions { Tools = [TestTools.Now] }, Served.Cancel);

        Assert.Equal("Noon.", response.Text);
        Assert.Equal(2, served.Sent.Count);
        Assert.NotNull(client.GetService<VllmChatClient>());
        Assert.NotNull(client.GetService<FunctionInvokingChatClient>());
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Container_AddChatClientOnOurs_IsTheOtherWayToDoIt(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue(TestTools.Hermes("now", "{}"));
        served.Server.Enqueue("Noon.");
        var services = new ServiceCollection();
        services.AddVllmGrpc(options => Copy(served, options));
        services.AddChatClient(provider => provider.GetRequiredService<VllmChatClient>()).UseFunctionInvocation();
        await using var container = services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });

        var response = await container.GetRequiredService<IChatClient>()
            .GetResponseAsync("Time?", new ChatOptions { Tools = [TestTools.Now] }, Served.Cancel);

        Assert.Equal("Noon.", response.Text);
    }

    private static void Copy(Served served, VllmGrpcOptions options)
    {
        options.Endpoints.Add(served.Server.Endpoint);
        options.ModelDirectory = Served.TinyModelFolder;
    }
}
