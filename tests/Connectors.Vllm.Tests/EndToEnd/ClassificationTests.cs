using Connectors.Vllm.Grpc.Protocol.Inference;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.EndToEnd;

public sealed class ClassificationTests
{
    private static readonly ChatMessage[] Question = [new(ChatRole.User, "Is water wet?")];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task ClassifyAsync_ChoicesThatBeginDifferently_TakeOneCallOfOneToken(EmulatedServer kind)
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
        var sent = new SentGeneration(Assert.Single(host.Generations));
        Assert.Equal(1, sent.MaxTokens);
        Assert.Null(options.AdditionalProperties);
        Assert.Null(options.Temperature);
    }

    [Fact]
    public async Task ClassifyAsync_WhereTheServerTellsAboutChosenTokens_AsksForJustThese()
    {
        await using var host = await ChatHost.StartAsync(EmulatedServer.Inference);
        var tokenizer = host.Server.Tokenizer;
        var (yes, no, other) = (tokenizer.Encode("yes")[0], tokenizer.Encode("no")[0], tokenizer.Encode("Well")[0]);

        // Neither choice is drawn, and neither is among the most likely.
        host.Server.Enqueue(new ScriptedReply
        {
            Text = "Well",
            Logprobs = [new(other, MathF.Log(0.9f), 1) { Alternatives = [new(yes, MathF.Log(3e-6f), 900), new(no, MathF.Log(1e-6f), 2000)] }],
        });

        var result = await host.Client.ClassifyAsync(Question, ["no", "yes"], cancellationToken: Cancel);

        Assert.Equal(0.75, result["yes"], 3);
        var sent = host.Generations.Single().As<GenerateRequest>();
        Assert.Equal(new[] { (uint)no, (uint)yes }.Order(), sent.Response.OutputCandidates.TokenIds.Ids.Order());
        Assert.True(sent.Response.OutputLogprobs);
        Assert.Equal(DecodingParameters.StructuredOutputOneofCase.None, sent.Decoding?.StructuredOutputCase ?? default);
    }

    [Fact]
    public async Task ClassifyAsync_NoChoiceIsAmongTheMostLikely_IsAskedUnderAConstraint()
    {
        await using var host = await ChatHost.StartAsync();
        var tokenizer = host.Server.Tokenizer;
        var other = tokenizer.Encode("Well")[0];
        var (yes, no) = (tokenizer.Encode("yes")[0], tokenizer.Encode("no")[0]);
        host.Server.Enqueue(
            new ScriptedReply { Text = "Well", Logprobs = [new(other, MathF.Log(0.9f), 1)] },
            new ScriptedReply
            {
                Text = "no",
                Logprobs = [new(no, MathF.Log(0.03f), 1) { Alternatives = [new(no, MathF.Log(0.03f), 1), new(yes, MathF.Log(0.01f), 2)] }],
            });

        var result = await host.Client.ClassifyAsync(Question, ["no", "yes"], cancellationToken: Cancel);

        Assert.Equal(0.75, result["no"], 3);
        Assert.Equal(["no", "yes"], host.LastEngineRequest.SamplingParams.Choice.Choices);
    }

    [Fact]
    public async Task ClassifyAsync_AnswerComesBehindAThought_IsReadBehindIt()
    {
        // The prompt leaves a thought open whatever is asked: the first token is not the answer's.
        await using var host = await ChatHost.StartAsync(
            server: options => options.ReasoningParser = "deepseek_r1",
            client: options => (options.ChatTemplate, options.ReasoningParser) = ("{{ messages[0].content }}<think>\n", "deepseek_r1"));
        var tokenizer = host.Server.Tokenizer;
        int[] ids = [.. tokenizer.Encode("Hm.</think>"), tokenizer.Encode("no")[0]];
        host.Server.Enqueue(new ScriptedReply
        {
            Ids = ids,
            Logprobs = [.. ids.Select((id, place) => new Grpc.TokenLogprob(id, MathF.Log(0.03f), 1)
            {
                Alternatives = place < ids.Length - 1 ? [] : [new(tokenizer.Encode("yes")[0], MathF.Log(0.01f), 2)],
            })],
        });

        var result = await host.Client.ClassifyAsync(Question, ["no", "yes"], cancellationToken: Cancel);

        Assert.Equal(0.75, result["no"], 3);
        Assert.Single(host.Generations);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task ClassifyAsync_ChoicesOfSeveralTokensThatBeginAlike_AreToldApartWhereTheyPart(EmulatedServer kind)
    {
        await using var host = await ChatHost.StartAsync(kind);
        var tokenizer = host.Server.Tokenizer;
        var ids = tokenizer.Encode("not so");
        var other = tokenizer.Encode("not at all");
        var part = ids.Zip(other).TakeWhile(pair => pair.First == pair.Second).Count();
        Assert.InRange(part, 1, ids.Length - 1);
        host.Server.Enqueue(new ScriptedReply
        {
            Ids = ids,
            Logprobs = [.. ids.Select((id, place) => new Grpc.TokenLogprob(id, place == part ? MathF.Log(0.6f) : 0, 1)
            {
                Alternatives = place == part ? [new(other[part], MathF.Log(0.2f), 2)] : [],
            })],
        });

        var result = await host.Client.ClassifyAsync(Question, ["not at all", "not so"], cancellationToken: Cancel);

        Assert.Equal(0.75, result["not so"], 3);
        Assert.Equal(0.25, result["not at all"], 3);
        Assert.Single(host.Generations);
    }

    [Fact]
    public async Task ClassifyAsync_TwoOthersThatBeginAlike_AreToldApartByAnotherCall()
    {
        await using var host = await ChatHost.StartAsync();
        var tokenizer = host.Server.Tokenizer;
        var yes = tokenizer.Encode("yes")[0];
        var not = tokenizer.Encode("not so")[0];
        Assert.Equal(not, tokenizer.Encode("not at all")[0]);
        host.Server.Enqueue(
            new ScriptedReply
            {
                Text = "yes",
                Logprobs = [new(yes, MathF.Log(0.5f), 1) { Alternatives = [new(yes, MathF.Log(0.5f), 1), new(not, MathF.Log(0.5f), 2)] }],
            },
            new ScriptedReply { Text = "not so" });

        var result = await host.Client.ClassifyAsync(Question, ["yes", "not so", "not at all"], cancellationToken: Cancel);

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
