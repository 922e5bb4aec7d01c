using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>Caches and sessions write requests and responses as JSON, in applications without reflection as well.</summary>
public sealed class SerializationTests
{
    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    [ContractPoint(47)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Response_WithEverythingInIt_SurvivesJsonWithoutReflection(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue("<think>\nHm.\n</think>\n\nLet me see. " + TestTools.Hermes("get_weather", "{\"city\": \"Paris\", \"days\": 2}"));

        var response =
            await served.AskAsync("Hi", new ChatOptions { Tools = [TestTools.Weather], Logprobs = 2, PromptLogprobs = 1, ReturnTokenIds = true });
        var copy = RoundTrip(response);

        Assert.Equal(Snapshot.Of(response), Snapshot.Of(copy));
        Assert.Equal(response.Messages[0].TokenLogprobs!.Select(token => (token.TokenId, token.Text, token.Logprob)),
            copy.Messages[0].TokenLogprobs!.Select(token => (token.TokenId, token.Text, token.Logprob)));
        Assert.Equal(response.Messages[0].TokenIds, copy.Messages[0].TokenIds);
        Assert.Equal(response.Messages[0].PromptTokenIds, copy.Messages[0].PromptTokenIds);
    }

    [ContractPoint(47)]
    [Fact]
    public async Task Updates_EachOne_SurvivesJsonWithoutReflection()
    {
        await using var served = await Served.StartAsync();
        served.Server.Enqueue("<think>\nHm.\n</think>\n\nHello. " + TestTools.Hermes("now", "{}"));

        var updates = await served.StreamAsync("Hi", new ChatOptions { Tools = [TestTools.Now], Logprobs = 1 });
        List<ChatResponseUpdate> copies = [.. updates.Select(RoundTrip)];

        Assert.Equal(Snapshot.Of(updates.ToChatResponse()), Snapshot.Of(copies.ToChatResponse()));
    }

    [Fact]
    public async Task History_RestoredFromJson_GivesTheSamePrompt()
    {
        await using var served = await Served.StartAsync();
        served.Server.Reply("Let me see.\n" + TestTools.Hermes("get_weather", "{\"city\":   \"Z\\u00fcrich\"}"));
        var options = new ChatOptions { Tools = [TestTools.Weather] };
        var history = new List<ChatMessage> { new(ChatRole.System, "Be kind."), new(ChatRole.User, "Hi") };
        var first = await served.AskAsync(history, options);
        history.AddMessages(first);
        history.Add(new ChatMessage(ChatRole.Tool, [new FunctionResultContent(Call(first).CallId, "sunny")]));

        await served.AskAsync(history, options);
        await served.AskAsync(history.Select(RoundTrip).ToList(), options);

        Assert.Equal(served.Sent[^2].PromptIds, served.Sent[^1].PromptIds);
    }

    [Fact]
    public void Options_ExtrasSetByExtensions_SurviveJsonWithoutReflection()
    {
        var options = new ChatOptions
        {
            MinP = 0.1f,
            MinTokens = 3,
            StopTokenIds = [1, 2],
            LogitBias = new Dictionary<int, float> { [7] = 1.5f },
            OutputChoices = ["yes", "no"],
            ChatTemplateArguments = new Dictionary<string, object?> { ["enable_thinking"] = false, ["names"] = new[] { "a", "b" }, ["depth"] = 3 },
            ReturnTokenIds = true,
            RequestId = "mine",
        };

        var copy = RoundTrip(options);

        Assert.Equal(0.1f, copy.MinP);
        Assert.Equal(3, copy.MinTokens);
        Assert.Equal([1, 2], copy.StopTokenIds!);
        Assert.Equal(1.5f, copy.LogitBias![7]);
        Assert.Equal(["yes", "no"], copy.OutputChoices!);
        Assert.Equal(false, copy.ChatTemplateArguments!["enable_thinking"]);
        Assert.True(copy.ReturnTokenIds);
        Assert.Equal("mine", copy.RequestId);
    }

    private static FunctionCallContent Call(ChatResponse response) => response.Messages.SelectMany(message => message.Contents)
        .OfType<FunctionCallContent>().Single();

    /// <summary>As in an application with JsonSerializerIsReflectionEnabledByDefault=false: generated contracts only.</summary>
    private static JsonSerializerOptions WithoutReflection()
    {
        var options = new JsonSerializerOptions(AIJsonUtilities.DefaultOptions);
        foreach (var reflecting in options.TypeInfoResolverChain.Where(resolver => resolver is DefaultJsonTypeInfoResolver).ToList())
        {
            options.TypeInfoResolverChain.Remove(reflecting);
        }

        options.MakeReadOnly();
        return options;
    }

    private static T RoundTrip<T>(T value)
    {
        var options = WithoutReflection();
        var json = JsonSerializer.Serialize(value, (JsonTypeInfo<T>)options.GetTypeInfo(typeof(T)));
        return JsonSerializer.Deserialize(json, (JsonTypeInfo<T>)options.GetTypeInfo(typeof(T)))!;
    }
}
