using System.Text.Json;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.Middleware;

/// <summary>
/// <c>GetResponseAsync&lt;T&gt;</c> of Microsoft.Extensions.AI: the schema goes to the server as it is, and the answer becomes the type.
/// </summary>
public sealed class StructuredOutputTests
{
    private const string Json = "{\"name\":\"Zürich\",\"size\":1.5,\"tags\":[\"a\",\"b\"]}";

    public static MatrixTheoryData<EmulatedServer, bool> ProtocolsAndThinking { get; } =
        new([EmulatedServer.VllmEngine, EmulatedServer.Inference], [true, false]);

    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    [Theory]
    [MemberData(nameof(ProtocolsAndThinking))]
    public async Task Response_OfAnObjectType_IsParsed(EmulatedServer protocol, bool thinks)
    {
        await using var served = await Served.StartAsync(protocol, client: client => client.ReasoningParser = thinks ? "qwen3" : "none");
        served.Server.Enqueue((thinks ? "<think>\nA city.\n</think>\n\n" : "") + Json);

        var response = await served.Client.GetResponseAsync<City>("Describe a city.", cancellationToken: Served.Cancel);

        Assert.Equal(("Zürich", 1.5), (response.Result.Name, response.Result.Size));
        Assert.Equal(["a", "b"], response.Result.Tags);
        Assert.Equal(Json, response.Text);
        Assert.Equal(protocol == EmulatedServer.VllmEngine ? "structural_tag" : thinks ? "grammar" : "json_schema", served.LastSent.Constraint);
        Assert.Contains("\"tags\"", served.LastSent.ConstraintText);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Response_OfARootThatIsNoObject_IsUnwrapped(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol, client: client => client.ReasoningParser = "none");
        served.Server.Enqueue("{\"data\":[1,2,3]}");

        var response = await served.Client.GetResponseAsync<int[]>("Count.", cancellationToken: Served.Cancel);

        Assert.Equal([1, 2, 3], response.Result);
        Assert.Contains("\"data\"", served.LastSent.ConstraintText);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Response_WithoutSchemaFormat_AsksForJsonAndDescribesTheSchema(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol, client: client => client.ReasoningParser = "none");
        served.Server.Enqueue(Json);

        var response =
            await served.Client.GetResponseAsync<City>("Describe a city.", useJsonSchemaResponseFormat: false, cancellationToken: Served.Cancel);

        Assert.Equal("Zürich", response.Result.Name);
        Assert.Equal("{\"type\":\"object\"}", served.LastSent.SchemaAlone);
        Assert.Contains("\"tags\"", served.LastPrompt);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Response_CutAtTheLimit_HasNoResultButItsText(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol, client: client => client.ReasoningParser = "none");
        served.Server.Enqueue(Json);

        var response =
            await served.Client.GetResponseAsync<City>("Describe a city.", new ChatOptions { MaxOutputTokens = 4 }, cancellationToken: Served.Cancel);

        Assert.Equal(ChatFinishReason.Length, response.FinishReason);
        Assert.False(response.TryGetResult(out _));
        Assert.StartsWith("{", response.Text);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Response_AfterToolCalls_IsStillOfTheType(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue(TestTools.Hermes("now", "{}"));
        served.Server.Enqueue(Json);
        using var client = served.Client.AsBuilder().UseFunctionInvocation().Build();

        var response =
            await client.GetResponseAsync<City>("Describe a city.", new ChatOptions { Tools = [TestTools.Now] }, cancellationToken: Served.Cancel);

        Assert.Equal("Zürich", response.Result.Name);
        Assert.Equal(2, served.Sent.Count);
        Assert.All(served.Sent, sent => Assert.NotEqual("", sent.Constraint));
    }

    private sealed record City(string Name, double Size, string[] Tags);
}
