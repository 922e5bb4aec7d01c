using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Options;

namespace Connectors.Vllm.Tests.Middleware;

/// <summary>The caching client of Microsoft.Extensions.AI on top of ours: what it writes and reads back is what the server said.</summary>
public sealed class CachingTests
{
    private static readonly string Answer = "<think>\nHm.\n</think>\n\nHello, 漢字 😀. "
        + TestTools.Hermes("get_weather", "{\"city\": \"Zürich\", \"days\": 2}");

    public static MatrixTheoryData<EmulatedServer, bool> ProtocolsAndStreaming { get; } =
        new([EmulatedServer.VllmEngine, EmulatedServer.Inference], [true, false]);

    [ContractPoint(47)]
    [Theory]
    [MemberData(nameof(ProtocolsAndStreaming))]
    public async Task SecondCall_SameRequest_ComesFromTheCacheAndIsTheSame(EmulatedServer protocol, bool streaming)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Reply(new ScriptedReply { Text = Answer, CachedTokens = 0 });
        using var client = served.Client.AsBuilder().UseDistributedCache(NewCache()).Build();
        var options = Options();

        var first = await RunAsync(client, options, streaming);
        var second = await RunAsync(client, options, streaming);

        Assert.Single(served.Sent);
        Assert.Equal(Snapshot.Of(first), Snapshot.Of(second));
        Assert.Equal("Zürich", second.Messages[0].Contents.OfType<FunctionCallContent>().Single().Arguments!["city"]!.ToString());
        Assert.NotEmpty(second.Messages[0].TokenLogprobs!);
        Assert.NotEmpty(second.Messages[0].TokenIds!);
        Assert.True(second.Usage!.ReasoningTokenCount > 0);
    }

    [Fact]
    public async Task StreamedCall_AfterAWholeOne_HasTheSameContents()
    {
        await using var served = await Served.StartAsync();
        served.Server.Reply(new ScriptedReply { Text = Answer, CachedTokens = 0 });
        using var whole = served.Client.AsBuilder().UseDistributedCache(NewCache()).Build();
        using var streamed = served.Client.AsBuilder().UseDistributedCache(NewCache()).Build();

        var first = await RunAsync(whole, Options(), streaming: false);
        var second = await RunAsync(streamed, Options(), streaming: true);
        var cached = await RunAsync(streamed, Options(), streaming: true);

        Assert.Equal(Snapshot.WithoutIds(first), Snapshot.WithoutIds(second));
        Assert.Equal(Snapshot.WithoutIds(first), Snapshot.WithoutIds(cached));
    }

    public static TheoryData<string> Extras => new("min_p", "seed", "chat_template_kwargs", "choice", "reasoning", "stop_token_ids");

    [Theory]
    [MemberData(nameof(Extras))]
    public async Task SecondCall_OtherExtras_IsAskedAnew(string extra)
    {
        await using var served = await Served.StartAsync();
        served.Server.Reply("yes");
        using var client = served.Client.AsBuilder().UseDistributedCache(NewCache()).Build();
        var other = new ChatOptions();
        switch (extra)
        {
            case "min_p":
                other.MinP = 0.1f;
                break;
            case "seed":
                other.Seed = 7;
                break;
            case "chat_template_kwargs":
                other.ChatTemplateArguments = new Dictionary<string, object?> { ["enable_thinking"] = false };
                break;
            case "choice":
                other.OutputChoices = ["yes", "no"];
                break;
            case "reasoning":
                other.Reasoning = new ReasoningOptions { Effort = ReasoningEffort.None };
                break;
            default:
                other.StopTokenIds = [5];
                break;
        }

        await RunAsync(client, new ChatOptions(), streaming: false);
        await RunAsync(client, other, streaming: false);
        await RunAsync(client, other, streaming: false);

        Assert.Equal(2, served.Sent.Count);
    }

    [Fact]
    public async Task SecondCall_SeveralChoices_AreAllThere()
    {
        await using var served = await Served.StartAsync();
        served.Server.Reply(new ScriptedReply { Text = "One.", Alternatives = [new ScriptedReply { Text = "Two." }] });
        using var client = served.Client.AsBuilder().UseDistributedCache(NewCache()).Build();

        await RunAsync(client, new ChatOptions { ChoiceCount = 2 }, streaming: true);
        var cached = await RunAsync(client, new ChatOptions { ChoiceCount = 2 }, streaming: true);

        Assert.Single(served.Sent);
        Assert.Equal(["One.", "Two."], cached.Messages.Select(message => message.Text));
    }

    private static ChatOptions Options() => new() { Tools = [TestTools.Weather], Logprobs = 1, ReturnTokenIds = true };

    private static MemoryDistributedCache NewCache() => new(new OptionsWrapper<MemoryDistributedCacheOptions>(new MemoryDistributedCacheOptions()));

    private static async Task<ChatResponse> RunAsync(IChatClient client, ChatOptions options, bool streaming) => streaming
        ? await client.GetStreamingResponseAsync("Hi", options, Served.Cancel).ToChatResponseAsync(Served.Cancel)
        : await client.GetResponseAsync("Hi", options, Served.Cancel);
}
