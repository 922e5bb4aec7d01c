using System.Text.Json;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>Random requests and answers, from fixed seeds: however the server cuts its messages, and however the caller reads them, the response is the same.</summary>
public sealed class StreamEqualsWholeTests
{
    private const int Cases = 60;

    private static readonly string[] Pieces =
    [
        "Hello there. ", "Grüße 漢字 😀 ", "a < b and <tool", "\n\n", "END of it ", "{\"a\": [1, 2, {\"b\": null}]} ", "👩‍👩‍👧‍👦", "<tool_call>not json</tool_call>",
        "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>", "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Zürich </tool_call>\", \"days\": 3}}\n</tool_call>",
    ];

    public static TheoryData<VllmServerFamily> Families => Served.Families;

    [Theory]
    [MemberData(nameof(Families))]
    public async Task Response_RandomOptionsAndChunks_IsTheSameStreamedAndWhole(VllmServerFamily family)
    {
        await using Served served = await Served.StartAsync(family);
        for (int seed = 0; seed < Cases; seed++)
        {
            var random = new Random(seed);
            ChatOptions options = RandomOptions(random);
            List<ChatMessage> messages = [new(ChatRole.User, "Question " + seed)];
            (string optionsBefore, string messagesBefore) = (Snapshot.Of(options), Snapshot.Of(messages));
            ScriptedReply reply = RandomReply(random);

            served.Server.Reply(reply);
            ChatResponse streamed = (await served.StreamAsync(messages, options)).ToChatResponse();
            ChatResponse whole = await served.AskAsync(messages, options);
            served.Server.Reply(Recut(reply, random));
            ChatResponse recut = await served.AskAsync(messages, options);

            Assert.True(Snapshot.WithoutIds(streamed) == Snapshot.WithoutIds(whole), $"seed {seed}: {Snapshot.WithoutIds(streamed)}\n{Snapshot.WithoutIds(whole)}");
            Assert.True(Contents(whole) == Contents(recut), $"seed {seed}, other chunks: {Contents(whole)}\n{Contents(recut)}");
            Assert.Equal(optionsBefore, Snapshot.Of(options));
            Assert.Equal(messagesBefore, Snapshot.Of(messages));
        }
    }

    private static ChatOptions RandomOptions(Random random)
    {
        var options = new ChatOptions { Temperature = 0.5f };
        if (random.Next(2) == 0)
        {
            options.Tools = [TestTools.Weather, TestTools.Now];
            options.AllowMultipleToolCalls = random.Next(3) switch { 0 => null, 1 => true, _ => false };
            options.ToolMode = random.Next(3) == 0 ? ChatToolMode.None : null;
        }

        options.StopSequences = random.Next(3) == 0 ? ["END", "\n\n\n"] : null;
        options.MaxOutputTokens = random.Next(3) == 0 ? random.Next(1, 60) : null;
        options.Reasoning = random.Next(4) == 0 ? new ReasoningOptions { Output = ReasoningOutput.None } : null;
        options.LogProbs = random.Next(3) == 0 ? 2 : null;
        options.ReturnTokenIds = random.Next(3) == 0 ? true : null;
        options.ChoiceCount = random.Next(4) == 0 ? random.Next(2, 4) : null;
        return options;
    }

    private static ScriptedReply RandomReply(Random random) => new()
    {
        Text = RandomText(random),
        TokensPerMessage = random.Next(1, 6),
        Delivery = (MessageDelivery)random.Next(2),
        CachedTokens = 0,
        Alternatives = [new ScriptedReply { Text = RandomText(random) }, new ScriptedReply { Text = RandomText(random) }],
    };

    private static ScriptedReply Recut(ScriptedReply reply, Random random) =>
        reply with { TokensPerMessage = random.Next(1, 20), Delivery = MessageDelivery.OneByOne, MessageSizes = [0, random.Next(0, 5), 0] };

    private static string RandomText(Random random)
    {
        string thought = random.Next(4) switch
        {
            0 => "<think>\nHm, 漢字 END.\n</think>\n\n",
            1 => "<think>\nA thought without an end ",
            _ => "",
        };
        return thought + string.Concat(Enumerable.Range(0, random.Next(0, 6)).Select(_ => Pieces[random.Next(Pieces.Length)]));
    }

    /// <summary>What was said and how it ended; tokens behind a stop depend on how the server cuts its messages.</summary>
    private static string Contents(ChatResponse response) => JsonSerializer.Serialize(
        response.Messages.Select(message => string.Join('|', message.Contents.Select(content => content switch
        {
            FunctionCallContent call => $"call {call.Name} {JsonSerializer.Serialize(call.Arguments, AIJsonUtilities.DefaultOptions)}",
            TextReasoningContent thought => "thought " + thought.Text,
            _ => "text " + content,
        }))).Append(response.FinishReason?.Value).ToList());
}
