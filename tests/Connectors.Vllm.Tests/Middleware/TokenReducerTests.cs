using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.Middleware;

/// <summary>Histories that are kept within a number of the model's own tokens.</summary>
public sealed class TokenReducerTests
{
    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Reduce_LongConversation_FitsAndKeepsSystemAndLastTurn(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        var messages = Conversation(20);
        var whole = await served.Client.CountTokensAsync(messages, null, Served.Cancel);
        var reducer = new VllmChatReducer(served.Client, whole / 2);

        List<ChatMessage> reduced = [.. await reducer.ReduceAsync(messages, Served.Cancel)];

        Assert.True(await served.Client.CountTokensAsync(reduced, null, Served.Cancel) <= whole / 2);
        Assert.Same(messages[0], reduced[0]);
        Assert.Same(messages[^1], reduced[^1]);
        Assert.Equal(ChatRole.User, reduced[1].Role);
        Assert.Equal(messages.TakeLast(reduced.Count - 1), reduced.Skip(1));
        Assert.Equal(61, messages.Count);
    }

    [Fact]
    public async Task Reduce_ShortConversation_IsLeftAlone()
    {
        await using var served = await Served.StartAsync();
        var messages = Conversation(3);

        Assert.Equal(messages, await new VllmChatReducer(served.Client, 10_000).ReduceAsync(messages, Served.Cancel));
        Assert.Empty(await new VllmChatReducer(served.Client, 10).ReduceAsync([], Served.Cancel));
    }

    [Fact]
    public async Task Reduce_GrowingConversation_ChangesItsBeginningRarelyAndNeverSplitsACallFromItsResult()
    {
        await using var served = await Served.StartAsync();
        var limit = await served.Client.CountTokensAsync(Conversation(12), null, Served.Cancel);
        var reducer = new VllmChatReducer(served.Client, limit, limit / 2);
        var beginnings = new List<string>();

        for (var turns = 1; turns <= 40; turns++)
        {
            List<ChatMessage> reduced = [.. await reducer.ReduceAsync(Conversation(turns), Served.Cancel)];
            beginnings.Add(reduced[1].Text);
            Assert.Equal(reduced.Count(message => message.Contents.Any(content => content is FunctionCallContent)),
                reduced.Count(message => message.Role == ChatRole.Tool));
        }

        Assert.InRange(beginnings.Distinct().Count(), 2, 8);
        Assert.Equal(beginnings.Distinct(), beginnings.Where((text, i) => i == 0 || beginnings[i - 1] != text));
    }

    [Fact]
    public async Task Reduce_LastTurnAloneTooLong_IsKeptWhole()
    {
        await using var served = await Served.StartAsync();

        List<ChatMessage> reduced = [.. await new VllmChatReducer(served.Client, 5).ReduceAsync(Conversation(3), Served.Cancel)];

        Assert.Equal(["Rules.", "Question 3?"], reduced.Where(message => message.Role != ChatRole.Tool && message.Text.Length > 0)
            .Select(message => message.Text));
        Assert.Equal(4, reduced.Count);
    }

    [Theory]
    [InlineData(0, null)]
    [InlineData(10, 0)]
    [InlineData(10, 11)]
    public async Task Constructor_NumbersOutOfRange_AreRefused(int max, int? target)
    {
        await using var served = await Served.StartAsync();

        Assert.Throws<ArgumentOutOfRangeException>(() => new VllmChatReducer(served.Client, max, target));
    }

    /// <summary>A system message, and turns of a question, a call and its result.</summary>
    private static List<ChatMessage> Conversation(int turns) =>
    [
        new(ChatRole.System, "Rules."),
        .. Enumerable.Range(1, turns).SelectMany(turn => new ChatMessage[]
        {
            new(ChatRole.User, $"Question {turn}?"),
            new(ChatRole.Assistant, [new FunctionCallContent($"call-{turn}", "look_up", new Dictionary<string, object?> { ["turn"] = turn })]),
            new(ChatRole.Tool, [new FunctionResultContent($"call-{turn}", $"Result {turn}.")]),
        }),
    ];
}
