using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>What vLLM gives beyond other providers: log probabilities, several choices, token ids, constraints of every kind.</summary>
public sealed class ExtrasTests
{
    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Logprobs_Asked_OnePerTokenWithTextAndAlternatives(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Reply("Hello there, Zürich.");

        var response = await served.AskAsync("Hi", new ChatOptions { Logprobs = 3, ReturnTokenIds = true });

        var tokens = response.Messages[0].TokenLogprobs!;
        Assert.Equal(response.Usage!.OutputTokenCount, tokens.Count);
        Assert.Equal(response.Messages[0].TokenIds, tokens.Select(token => token.TokenId));
        Assert.Equal("Hello", tokens[0].Text);
        Assert.All(tokens, token => Assert.True(token.Logprob < 0));
        Assert.All(tokens, token => Assert.Equal(3, token.Alternatives.Count));
        Assert.Equal(served.LastSent.PromptIds, response.Messages[0].PromptTokenIds);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Logprobs_Streamed_ComeOnceOnTheLastUpdate(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);

        var updates = await served.StreamAsync("Hi", new ChatOptions { Logprobs = 0 });

        Assert.All(updates[..^1], update => Assert.Null(update.AdditionalProperties));
        Assert.Equal(updates.ToChatResponse().Usage!.OutputTokenCount, updates.ToChatResponse().Messages[0].TokenLogprobs!.Count);
        Assert.All(updates.ToChatResponse().Messages[0].TokenLogprobs!, token => Assert.Empty(token.Alternatives));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task PromptLogprobs_Asked_OnePerPromptTokenAndNoneForTheFirst(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);

        var response = await served.AskAsync("Hi", new ChatOptions { PromptLogprobs = 1 });

        var tokens = response.Messages[0].PromptTokenLogprobs!;
        Assert.Equal(served.LastSent.PromptIds, tokens.Select(token => token.TokenId));
        Assert.Null(tokens[0].Logprob);
        Assert.All(tokens.Skip(1), token => Assert.NotNull(token.Logprob));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Choices_Three_AreThreeMessagesInOrderWithOneUsage(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        string[] texts = ["First answer.", "Second, longer answer.", "<think>\nHm.\n</think>\n\nThird."];

        // One protocol makes all choices in one call; the other gets one call per choice, with the choice's number at the end of its id.
        served.Server.Reply(request => protocol == EmulatedServer.Inference ? texts[request.RequestId[^1] - '0'] : new ScriptedReply
        {
            Text = texts[0],
            Alternatives = [ScriptedReply.FromText(texts[1]), ScriptedReply.FromText(texts[2])],
        });
        var options = new ChatOptions { ChoiceCount = 3, Temperature = 0.9f };

        var whole = await served.AskAsync("Hi", options);
        var updates = await served.StreamAsync("Hi", options);

        Assert.Equal(["First answer.", "Second, longer answer.", "Third."], whole.Messages.Select(message => message.Text));
        Assert.Equal(3, whole.Messages.Select(message => message.MessageId).Distinct().Count());
        Assert.Equal(["First answer.", "Second, longer answer.", "Third."], updates.ToChatResponse().Messages.Select(message => message.Text));
        Assert.Single(updates.SelectMany(update => update.Contents).OfType<UsageContent>());
        long expected = texts.Sum(text => served.Server.Tokenizer.Encode(text).Length + 1);
        Assert.Equal(expected, whole.Usage!.OutputTokenCount);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Constraints_OfEveryKind_ReachTheServerUnchanged(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol, client: client => client.ReasoningParser = "none");

        // In the dialect that every grammar compiler reads.
        const string Tag = """{"structures":[{"begin":"<f>","schema":{},"end":"</f>"}],"triggers":["<f>"]}""";
        served.Server.Reply(request => new SentGeneration(request).SchemaAlone is not null ? "{\"a\": 1}" : "yes");

        await served.AskAsync("Hi", new ChatOptions { OutputRegex = "[a-z]+" });
        await served.AskAsync("Hi", new ChatOptions { OutputGrammar = "root ::= \"yes\"" });
        await served.AskAsync("Hi", new ChatOptions { OutputChoices = ["yes", "no"] });
        await served.AskAsync("Hi", new ChatOptions { StructuralTag = Tag });
        await served.AskAsync("Hi", new ChatOptions { ResponseFormat = ChatResponseFormat.Json });

        Assert.Equal(
            [("regex", "[a-z]+"), ("grammar", "root ::= \"yes\""), ("choice", "yes|no"), ("structural_tag", Tag)],
            served.Sent.Take(4).Select(sent => (sent.Constraint, sent.ConstraintText)));
        Assert.Equal("{\"type\":\"object\"}", served.LastSent.SchemaAlone);
    }

    [Fact]
    public async Task Constraints_TwoAtOnce_AreRefusedByName()
    {
        await using var served = await Served.StartAsync();

        var error = await Assert.ThrowsAsync<ArgumentException>(
            () => served.AskAsync("Hi", new ChatOptions { OutputRegex = "a", ResponseFormat = ChatResponseFormat.Json }));

        Assert.Contains("regex", error.Message);
        Assert.Contains("ResponseFormat", error.Message);
    }

    [Fact]
    public async Task InferenceExtras_OnTheVllmEngineProtocol_AreRefusedNotDropped()
    {
        await using var served = await Served.StartAsync(EmulatedServer.VllmEngine);

        await Assert.ThrowsAsync<VllmRequestException>(() => served.AskAsync("Hi", new ChatOptions { LoraName = "mine" }));
        await Assert.ThrowsAsync<VllmRequestException>(() => served.AskAsync("Hi", new ChatOptions { AllowedTokenIds = [1, 2] }));
        await Assert.ThrowsAsync<VllmRequestException>(() => served.AskAsync("Hi", new ChatOptions { CacheSalt = "salt" }));
        Assert.Empty(served.Sent);
    }

    [Fact]
    public async Task InferenceExtras_OnTheInferenceProtocol_ReachTheServer()
    {
        await using var served = await Served.StartAsync(EmulatedServer.Inference, server => server.LoraAdapters = ["mine"]);

        await served.AskAsync("Hi", new ChatOptions { LoraName = "mine", CacheSalt = "salt", Priority = 4, RequestId = "my-request" });

        var sent = served.LastSent.Captured.As<Grpc.Protocol.Inference.GenerateRequest>();
        Assert.Equal(("mine", "salt", 4, "my-request"), (sent.LoraName, sent.Kv.CacheSalt, sent.Priority, sent.RequestId));
    }

    [Fact]
    public async Task ModelId_NamesALoadedAdapter_IsSentAsTheAdapter()
    {
        await using var served = await Served.StartAsync(EmulatedServer.Inference, server => server.LoraAdapters = ["mine"]);

        var adapted = await served.AskAsync("Hi", new ChatOptions { ModelId = "mine" });
        var plain = await served.AskAsync("Hi", new ChatOptions { ModelId = "somebody-elses" });
        var streamed = await served.StreamAsync("Hi", new ChatOptions { ModelId = "mine" });

        // What answered is the adapter, or else the model.
        Assert.Equal(("mine", served.Client.GetService<VllmModelProfile>()!.ModelId), (adapted.ModelId, plain.ModelId));
        Assert.All(streamed, update => Assert.Equal("mine", update.ModelId));

        var sent = served.Sent.Select(generation => generation.Captured.As<Grpc.Protocol.Inference.GenerateRequest>());
        Assert.Equal([("mine", ""), ("", ""), ("mine", "")], sent.Select(message => (message.LoraName, message.Model)));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task RequestMetadata_OfOneRequest_GoesWithThatRequestOnly(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);

        await served.AskAsync("Hi", new ChatOptions { RequestMetadata = new Dictionary<string,
            object?> { ["X-Gateway-Inference-Objective"] = "batch" } });
        await served.AskAsync("Hi");

        Assert.Equal(
            ["batch", null], served.Sent.Select(sent => sent.Captured.Metadata.GetValueOrDefault("x-gateway-inference-objective")));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task TruncatePromptTokens_LongPrompt_KeepsItsEnd(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        var question = string.Join(' ', Enumerable.Range(0, 200));
        await served.AskAsync(question);

        await served.AskAsync(question, new ChatOptions { TruncatePromptTokens = 50 });

        Assert.Equal(served.Sent[0].PromptIds.Skip(served.Sent[0].PromptIds.Count - 50), served.Sent[1].PromptIds);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Prompt_LongerThanTheContext_IsRefusedWithBothNumbers(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol, server => server.ContextLength = 64);

        var error = await Assert.ThrowsAsync<VllmRequestException>(() => served.AskAsync(string.Join(' ', Enumerable.Repeat("word", 100))));

        Assert.Contains("64", error.Message);
        Assert.Empty(served.Sent);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Complete_RawText_IsSentAsItIsAndComesBackUnparsed(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Reply("<think>raw</think> <tool_call>text");

        var text = "";
        await foreach (var update in served.Client.CompleteStreamingAsync("Once upon a <|im_start|>", cancellationToken: Served.Cancel))
        {
            text += update.Text;
        }

        Assert.Equal("Once upon a <|im_start|>", served.LastPrompt);
        Assert.Equal("<think>raw</think> <tool_call>text", text);
    }
}
