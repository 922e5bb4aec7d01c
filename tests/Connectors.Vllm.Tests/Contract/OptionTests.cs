using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.Contract;

/// <summary>Every option reaches the server as it was meant, and nothing else does.</summary>
public sealed class OptionTests
{
    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    [ContractPoint(9)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task RawRepresentationFactory_SetFields_WinAndUnsetFieldsAreFilled(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);

        await served.AskAsync("Hi", new ChatOptions
        {
            Temperature = 0.9f,
            TopK = 4,
            RawRepresentationFactory = _ => new GenerationRequest
            { Sampling = new SamplingOptions { Temperature = 0.1f, MinTokens = 3 }, StopTokenIds = [11] },
        });

        Assert.Equal(0.1f, served.LastSent.Temperature);
        Assert.Equal(3, served.LastSent.MinTokens);
        Assert.Equal(4, served.LastSent.TopK);
        Assert.Contains(11, served.LastSent.StopTokenIds);
    }

    [ContractPoint(9)]
    [Fact]
    public async Task RawRepresentationFactory_NullOrForeignObject_IsIgnored()
    {
        await using var served = await Served.StartAsync();

        await served.AskAsync("Hi", new ChatOptions { TopK = 4, RawRepresentationFactory = _ => null });
        await served.AskAsync("Hi", new ChatOptions { TopK = 5, RawRepresentationFactory = _ => "what is this" });

        Assert.Equal([4, 5], served.Sent.Select(sent => sent.TopK));
    }

    [ContractPoint(10)]
    [Fact]
    public async Task GetResponse_RawRepresentationFactory_IsCalledWithTheClient()
    {
        await using var served = await Served.StartAsync();
        IChatClient? seen = null;

        await served.AskAsync("Hi", new ChatOptions
        {
            RawRepresentationFactory = client =>
            {
                seen = client;
                return null;
            },
        });

        Assert.Same(served.Client, seen);
    }

    [ContractPoint(11)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Options_AfterACall_AreAsBefore(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        var options = new ChatOptions
        {
            Instructions = "Be brief.",
            Temperature = 0.5f,
            StopSequences = ["END"],
            Tools = [TestTools.Weather, TestTools.Now],
            ToolMode = ChatToolMode.Auto,
            ConversationId = "kept",
            Reasoning = new ReasoningOptions { Effort = ReasoningEffort.Low },
            AdditionalProperties = new() { ["somebody_elses"] = "value" },
            MinP = 0.1f,
            ChatTemplateArguments = new Dictionary<string, object?> { ["enable_thinking"] = true },
        };
        var messages = new List<ChatMessage>
            { new(ChatRole.System, "You are kind."), new(ChatRole.User, [new TextContent("Hi"), new TextContent("there")]) };
        (var optionsBefore, var messagesBefore) = (Snapshot.Of(options), Snapshot.Of(messages));

        await served.AskAsync(messages, options);
        await served.StreamAsync(messages, options);

        Assert.Equal(optionsBefore, Snapshot.Of(options));
        Assert.Equal(messagesBefore, Snapshot.Of(messages));
    }

    [ContractPoint(12)]
    [Fact]
    public async Task Options_SharedByConcurrentCalls_GiveEqualRequests()
    {
        await using var served = await Served.StartAsync();
        var options = new ChatOptions { Temperature = 0.5f, StopSequences = ["END"], Tools = [TestTools.Weather], MinP = 0.1f };

        await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => served.AskAsync("Hi", options)));

        Assert.Equal(16, served.Sent.Count);
        Assert.All(served.Sent, sent => Assert.Equal((0.5f, 0.1f), (sent.Temperature, sent.MinP)));
        Assert.All(served.Sent, sent => Assert.Equal(served.Sent[0].PromptIds, sent.PromptIds));
        Assert.Equal(16, served.Sent.Select(sent => sent.RequestId).Distinct().Count());
    }

    [ContractPoint(13)]
    [Fact]
    public async Task ModelId_OfAnotherProvider_IsNotSentAndNotAnError()
    {
        await using var served = await Served.StartAsync(EmulatedServer.Inference, server => server.ServedModelName = "ours");

        var response = await served.AskAsync("Hi", new ChatOptions { ModelId = "gpt-5" });

        Assert.Equal("ours", response.ModelId);
    }

    [ContractPoint(13)]
    [Fact]
    public async Task ModelId_Alias_ReachesTheServerAndTheResponse()
    {
        await using var served = await Served.StartAsync(EmulatedServer.Inference, server =>
        {
            server.ServedModelName = "ours";
            server.ServedModelAliases = ["also-ours"];
        });

        var response = await served.AskAsync("Hi", new ChatOptions { ModelId = "also-ours" });

        Assert.Equal("also-ours", response.ModelId);
        Assert.Equal("also-ours", served.LastSent.Captured.As<Grpc.Protocol.Inference.GenerateRequest>().Model);
    }

    [ContractPoint(13)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task ModelId_UnknownAndRequired_IsRefusedByName(EmulatedServer protocol)
    {
        await using var served =
            await Served.StartAsync(protocol, server => server.ServedModelName = "ours", client => client.RequireServedModel = true);

        var error = await Assert.ThrowsAsync<VllmRequestException>(() => served.AskAsync("Hi", new ChatOptions { ModelId = "gpt-5" }));

        Assert.Contains("gpt-5", error.Message);
        Assert.Contains("ours", error.Message);
        Assert.Empty(served.Sent);
    }

    [ContractPoint(25)]
    [Fact]
    public async Task GetResponse_StopSequences_AreAppendedToThoseOfTheRawRequest()
    {
        await using var served = await Served.StartAsync(client: client => client.ReasoningParser = "none");

        await served.AskAsync(
            "Hi", new ChatOptions { StopSequences = ["B"], RawRepresentationFactory = _ => new GenerationRequest { StopStrings = ["A"] } });

        Assert.Equal(["A", "B"], served.LastSent.Stops);
    }

    [ContractPoint(26)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task StopSequences_EmptyOnes_AreLeftOutAndManyAreTaken(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol, client: client => client.ReasoningParser = "none");
        string[] many = [.. Enumerable.Range(0, 40).Select(number => $"<stop {number}>")];
        served.Server.Enqueue("one <stop 39> two");

        var response = await served.AskAsync("Hi", new ChatOptions { StopSequences = ["", .. many] });

        Assert.Equal(many, served.LastSent.Stops);
        Assert.Equal("one ", response.Text);
    }

    [Fact]
    public async Task AdditionalProperties_UnknownKeys_AreIgnored()
    {
        await using var served = await Served.StartAsync();

        var response = await served.AskAsync("Hi", new ChatOptions
        {
            AdditionalProperties = new()
            { ["stream_options"] = new Dictionary<string, object?> { ["include_usage"] = true }, ["whatever"] = new object() },
        });

        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task AdditionalProperties_SnakeCaseDoublesAndJson_AreReadLeniently(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);

        await served.AskAsync("Hi", new ChatOptions
        {
            AdditionalProperties = new()
            {
                ["min_p"] = 0.25,
                ["min_tokens"] = 2.0,
                ["repetition_penalty"] = System.Text.Json.JsonDocument.Parse("1.5").RootElement,
                ["stop_token_ids"] = System.Text.Json.JsonDocument.Parse("[3, 4]").RootElement,
            },
        });

        Assert.Equal((0.25f, 2, 1.5f), (served.LastSent.MinP, served.LastSent.MinTokens, served.LastSent.RepetitionPenalty));
        Assert.Contains(3, served.LastSent.StopTokenIds);
    }

    [Fact]
    public void Extensions_ValuesOutOfRange_ThrowWhenSet()
    {
        var options = new ChatOptions();

        Assert.Throws<ArgumentOutOfRangeException>(() => options.MinP = 1.5f);
        Assert.Throws<ArgumentOutOfRangeException>(() => options.RepetitionPenalty = 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => options.ChoiceCount = 0);
        Assert.Throws<ArgumentException>(() => options.OutputChoices = []);
        Assert.Throws<ArgumentException>(() => options.StructuralTag = "{");
        Assert.Null(options.AdditionalProperties);
    }

    [Fact]
    public async Task Seed_SixtyFourBits_ReachesTheProtocolThatHasThem()
    {
        await using var inference = await Served.StartAsync(EmulatedServer.Inference);
        await using var engine = await Served.StartAsync(EmulatedServer.VllmEngine);

        await inference.AskAsync("Hi", new ChatOptions { Seed = 1L << 40 });
        var error = await Assert.ThrowsAsync<VllmRequestException>(() => engine.AskAsync("Hi", new ChatOptions { Seed = 1L << 40 }));

        Assert.Equal(1L << 40, inference.LastSent.Seed);
        Assert.Equal("Seed", error.Parameter);
    }
}
