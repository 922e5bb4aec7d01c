using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.EndToEnd;

public sealed class ClassificationTests
{
    private static readonly ChatMessage[] Question = [new(ChatRole.User, "Is water wet?")];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task ClassifyAsync_ChoicesThatBeginDifferently_TakeOneCall(EmulatedServer kind)
    {
        await using var host = await ChatHost.StartAsync(kind);
        var tokenizer = host.Server.Tokenizer;
        var (yes, no) = (tokenizer.Encode("yes")[0], tokenizer.Encode("no")[0]);
        host.Server.Enqueue(new ScriptedReply
        {
            Text = "yes",
            Logprobs = [new(yes, MathF.Log(0.6f), 1) { Alternatives = [new(yes, MathF.Log(0.6f), 1), new(no, MathF.Log(0.2f), 2)] }],
        });
        var options = new ChatOptions { MaxOutputTokens = 50 };

        var result = await host.Client.ClassifyAsync(Question, ["no", "yes"], options, Cancel);

        Assert.Equal("yes", result.Keys.First());
        Assert.Equal(0.75, result["yes"], 3);
        Assert.Equal(0.25, result["no"], 3);
        Assert.Single(host.Server.Generations);
        Assert.Null(options.AdditionalProperties);
        Assert.Null(options.Temperature);
    }

    [Fact]
    public async Task ClassifyAsync_TwoOthersThatBeginAlike_AreToldApartByAnotherCall()
    {
        await using var host = await ChatHost.StartAsync();
        var tokenizer = host.Server.Tokenizer;
        var yes = tokenizer.Encode("yes")[0];
        var n = tokenizer.Encode("n")[0];
        host.Server.Enqueue(
            new ScriptedReply
            {
                Text = "yes",
                Logprobs = [new(yes, MathF.Log(0.5f), 1) { Alternatives = [new(yes, MathF.Log(0.5f), 1), new(n, MathF.Log(0.5f), 2)] }],
            },
            new ScriptedReply { Text = "never" });

        var result = await host.Client.ClassifyAsync(Question, ["yes", "never", "none"], cancellationToken: Cancel);

        Assert.Equal(2, host.Server.Generations.Count);
        Assert.Equal(0.5, result["yes"], 3);
        Assert.Equal(1, result.Values.Sum(), 3);
    }

    [Fact]
    public async Task ClassifyAsync_ChoicesThatAreNone_AreRefused()
    {
        await using var host = await ChatHost.StartAsync();

        await Assert.ThrowsAsync<ArgumentException>(() => host.Client.ClassifyAsync(Question, ["yes"], cancellationToken: Cancel));
        await Assert.ThrowsAsync<ArgumentException>(() => host.Client.ClassifyAsync(Question, ["yes", "yes"], cancellationToken: Cancel));
        await Assert.ThrowsAsync<ArgumentException>(() => host.Client.ClassifyAsync(Question, ["yes", ""], cancellationToken: Cancel));
    }
}
