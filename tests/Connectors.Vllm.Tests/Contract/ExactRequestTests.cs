using System.Text.Json.Nodes;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.Contract;

/// <summary>Requests compared as a whole: what is not expected is not on the wire.</summary>
public sealed class ExactRequestTests
{
    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    [ContractPoint(5)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Request_OfAPlainCall_IsExactlyThis(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);

        await served.AskAsync("Hi");

        var room = 8192 - served.LastSent.PromptIds.Count;
        AssertIs(
            protocol == EmulatedServer.VllmEngine
                ? $$"""{ "samplingParams": { "temperature": 0.6, "topP": 0.95, "topK": 20, "maxTokens": {{room}} }, "stream": true }"""
                : $$"""{ "temperature": 0.6, "sampling": { "topK": 20, "topP": 0.95 }, "stopping": { "maxNewTokens": {{room}} }, "response": { "o"""
                    + $$"""utputText": false, "outputTokenIds": true } }""",
            served.LastSent);
    }

    [ContractPoint(8)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Request_OfEmptyOptions_IsThatOfNone(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);

        await served.AskAsync("Hi");
        await served.AskAsync("Hi", new ChatOptions());
        await served.AskAsync(
            "Hi", new ChatOptions { StopSequences = [], Tools = [], AdditionalProperties = [], Reasoning = new ReasoningOptions() });

        Assert.Equal(served.Sent[0].ToJson(), served.Sent[1].ToJson());
        Assert.Equal(served.Sent[0].ToJson(), served.Sent[2].ToJson());
        Assert.Equal(served.Sent[0].PromptIds, served.Sent[1].PromptIds);
        Assert.Equal(served.Sent[0].PromptIds, served.Sent[2].PromptIds);
    }

    [ContractPoint(7)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Request_OfEveryOption_IsExactlyThis(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol, client: client => client.ReasoningParser = "none");
        served.Server.Reply("yes");

        await served.AskAsync("Hi", new ChatOptions
        {
            Temperature = 0.25f,
            TopP = 0.5f,
            TopK = 7,
            FrequencyPenalty = 0.125f,
            PresencePenalty = -0.5f,
            Seed = 42,
            MaxOutputTokens = 33,
            StopSequences = ["END"],
            MinP = 0.0625f,
            RepetitionPenalty = 1.25f,
            MinTokens = 2, // Servers cannot hold it beside a constraint: it is left out.
            StopTokenIds = [5],
            LogitBias = new Dictionary<int, float> { [9] = -1.5f },
            Logprobs = 2,
            OutputChoices = ["yes", "no"],
        });

        AssertIs(
            protocol == EmulatedServer.VllmEngine
                ? """{ "samplingParams": { "temperature": 0.25, "topP": 0.5, "topK": 7, "minP": 0.0625, "frequencyPenalty": """
                    + """0.125, "presencePenalty": -0.5, "repetitionPenalty": 1.25, "maxTokens": 33, "stop": [ "END" """
                    + """], "stopTokenIds": [ 5 ], "logprobs": 2, "seed": 42, "logitBias": { "9": -1.5 }, "choice": { "choices": [ "yes", "no" """
                    + """] } }, "stream": true }"""
                : """{ "temperature": 0.25, "sampling": { "topK": 7, "topP": 0.5, "minP": 0.0625, "seed": "42" }, "decoding": { "presencePenalt"""
                    + """y": -0.5, "frequencyPenalty": 0.125, "repetitionPenalty": 1.25, "logitBias": { "9": -1.5 }, "choice": { "choices": """
                    + """[ "yes", "no" ] } }, "stopping": { "maxNewTokens": 33, "stopTokenIds": [ 5 ], "stopStrings": [ "END" """
                    + """] }, "response": { "outputText": false, "outputTokenIds": true, "outputLogprobs": true, "outputCandidates": { "topN": """
                    + """2 } } }""",
            served.LastSent);
    }

    [ContractPoint(6)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Updates_OfAPlainCall_AreOneTextPerTokenAndALastOne(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        var ids = served.Server.Tokenizer.Encode("Hello there, friend.");
        served.Server.Enqueue(new ScriptedReply { Ids = ids });

        var updates = await served.StreamAsync("Hi");

        Assert.Equal(ids.Select(id => served.Server.Tokenizer.Decode([id])),
            updates[..^1].Select(update => Assert.IsType<TextContent>(Assert.Single(update.Contents)).Text));
        Assert.All(updates[..^1], update => Assert.Null(update.FinishReason));
        Assert.Equal(ChatFinishReason.Stop, updates[^1].FinishReason);
        var usage = Assert.IsType<UsageContent>(Assert.Single(updates[^1].Contents)).Details;
        Assert.Equal((served.LastSent.PromptIds.Count, ids.Length + 1), ((int)usage.InputTokenCount!, (int)usage.OutputTokenCount!));
    }

    private static void AssertIs(string expected, SentGeneration sent)
    {
        Assert.NotEmpty(sent.RequestId);
        Assert.NotEmpty(sent.PromptIds);
        var actual = sent.ToJson(withPrompt: false);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), JsonNode.Parse(actual)), $"{expected}\n{actual}");
    }
}
