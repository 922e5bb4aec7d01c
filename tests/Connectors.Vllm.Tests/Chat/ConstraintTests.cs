using System.Text.Json;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests;

/// <summary>The constraints that are sent, and how answers under them are parsed.</summary>
public sealed class ConstraintTests
{
    private const string Schema = """{"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}, "required": ["n"]}""";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Schema_NotThinking_IsSentWithABoundOnWhiteSpaceAlone()
    {
        await using var host = await ChatHost.StartAsync(client: options => options.ReasoningParser = "none");
        host.Server.Enqueue("""{"n": 4}""");

        await host.Client.GetResponseAsync("Go.", new ChatOptions { ResponseFormat = Json() }, Token);

        AssertSchema(host.LastEngineRequest.SamplingParams, bound: true);
    }

    [Fact]
    public async Task Schema_WithoutTheBound_IsSentAlone()
    {
        await using var host = await ChatHost.StartAsync(client: options => options.ReasoningParser = "none");
        host.Server.Enqueue("""{"n": 4}""");

        await host.Client.GetResponseAsync("Go.", new ChatOptions { ResponseFormat = Json(), BoundJsonWhiteSpace = false }, Token);

        AssertSchema(host.LastEngineRequest.SamplingParams, bound: false);
    }

    /// <summary>
    /// A model that writes line breaks wherever the constraint, as it was sent and as the engine's compiler reads it, lets it: also in an engine that
    /// somebody's schema has made compile with llguidance.
    /// </summary>
    [Theory]
    [InlineData(EmulatedServer.VllmEngine, false)]
    [InlineData(EmulatedServer.VllmEngine, true)]
    [InlineData(EmulatedServer.VllmEngineRust, false)]
    [InlineData(EmulatedServer.VllmEngineRust, true)]
    [InlineData(EmulatedServer.Inference, false)]
    public async Task Schema_ModelPrefersLineBreaks_AnswersInJsonAllTheSame(EmulatedServer protocol, bool isPinnedToGuidance)
    {
        await using var host = await ChatHost.StartAsync(
            protocol, options => options.PrefersLineBreaks = true, options => options.ReasoningParser = "none");
        if (isPinnedToGuidance)
        {
            await host.Client.GetService<IVllmEngine>()!.GenerateAsync(
                new GenerationRequest
                {
                    PromptIds = new[] { 1 },
                    Constraint = Grpc.OutputConstraint.JsonSchema("""{"type":"integer","multipleOf":2}"""),
                    Sampling = new SamplingOptions { MaxTokens = 9 },
                },
                Token).ToListAsync(Token);
        }

        var response = await host.Client.GetResponseAsync<Forecast>("Go.", new ChatOptions { MaxOutputTokens = 200 }, cancellationToken: Token);

        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.InRange(response.Result.Degrees[0], 1, 99);
        Assert.NotEmpty(response.Result.Where.City);
        Assert.Equal(isPinnedToGuidance || protocol == EmulatedServer.Inference, !response.Text.Contains('\n', StringComparison.Ordinal));
        Assert.Equal(isPinnedToGuidance ? 1 : 0, host.Server.RefusedConstraints);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.VllmEngineRust)]
    [InlineData(EmulatedServer.Inference)]
    public async Task Schema_ModelPrefersLineBreaksAndNothingBoundsThem_FillsItsBudget(EmulatedServer protocol)
    {
        await using var host = await ChatHost.StartAsync(
            protocol, options => options.PrefersLineBreaks = true, options => options.ReasoningParser = "none");
        var options = new ChatOptions { MaxOutputTokens = 100, BoundJsonWhiteSpace = false };

        var response = await host.Client.GetResponseAsync<Answer>("Go.", options, cancellationToken: Token);

        Assert.Equal(ChatFinishReason.Length, response.FinishReason);
        Assert.Equal(100, response.Usage!.OutputTokenCount);
        Assert.False(response.TryGetResult(out _));
        Assert.Equal("{", response.Text.Trim());
    }

    [Fact]
    public async Task Schema_Thinking_KeepsTheThoughtFreeAndTheAnswerJson()
    {
        await using var host = await ChatHost.StartAsync(client: options => options.ReasoningParser = "qwen3");
        host.Server.Enqueue("<think>\nLet me think.\n</think>\n\n{\"n\": 4}");

        var response = await host.Client.GetResponseAsync(
            "Go.", new ChatOptions { ResponseFormat = Json(), Reasoning = new ReasoningOptions { Effort = ReasoningEffort.High } }, Token);

        var sampling = host.LastEngineRequest.SamplingParams;
        Assert.Equal(SamplingParams.ConstraintOneofCase.StructuralTag, sampling.ConstraintCase);
        Assert.Contains("minimum", sampling.StructuralTag, StringComparison.Ordinal);
        Assert.Equal(4, JsonDocument.Parse(response.Text).RootElement.GetProperty("n").GetInt32());
        Assert.NotEmpty(response.Messages[0].Contents.OfType<TextReasoningContent>());
    }

    [Fact]
    public async Task Schema_ServerStartsAfterReasoning_IsSentBare()
    {
        await using var host = await ChatHost.StartAsync(
            client: options =>
            {
                options.ReasoningParser = "qwen3";
                options.Connection.ConstraintStart = Grpc.ConstraintStart.AfterReasoning;
            });
        host.Server.Enqueue("<think>\nLet me think.\n</think>\n\n{\"n\": 4}");

        await host.Client.GetResponseAsync(
            "Go.", new ChatOptions { ResponseFormat = Json(), Reasoning = new ReasoningOptions { Effort = ReasoningEffort.High } }, Token);

        AssertSchema(host.LastEngineRequest.SamplingParams, bound: true);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ToolMode_Required_SendsAConstraintAndReadsTheCall(bool named)
    {
        await using var host = await ChatHost.StartAsync(client: options => options.ToolCallParser = "hermes");
        host.Server.Enqueue(SampleTools.Call("get_weather", """{"city": "Paris"}"""));
        var options = new ChatOptions
        {
            Tools = [SampleTools.Weather, SampleTools.Time],
            ToolMode = named
                ? ChatToolMode.RequireSpecific("get_weather")
                : ChatToolMode.RequireAny
        };

        var response = await host.Client.GetResponseAsync("Weather?", options, Token);

        Assert.NotEqual(SamplingParams.ConstraintOneofCase.None, host.LastEngineRequest.SamplingParams.ConstraintCase);
        Assert.Equal("get_weather", Assert.Single(response.Messages[0].Contents.OfType<FunctionCallContent>()).Name);
        Assert.Equal(ChatFinishReason.ToolCalls, response.FinishReason);
    }

    [Fact]
    public async Task Choices_AnswerOutsideOfThem_Throws()
    {
        await using var host = await ChatHost.StartAsync();
        host.Server.Enqueue("maybe");

        await Assert.ThrowsAsync<VllmConstraintException>(
            () => host.Client.GetResponseAsync("Go.", new ChatOptions { OutputChoices = ["yes", "no"] }, Token));
    }

    [Fact]
    public async Task Constraints_TwoAtOnce_AreRefused()
    {
        await using var host = await ChatHost.StartAsync();

        await Assert.ThrowsAsync<ArgumentException>(
            () => host.Client.GetResponseAsync("Go.", new ChatOptions { OutputChoices = ["a"], OutputRegex = "b" }, Token));
    }

    [Theory]
    [InlineData("yes", true)]
    [InlineData("ye", false)]
    public async Task Choices_ServerRefusesTheEnd_IsAnAnswerWhereTheTextIsWhole(string text, bool isWhole)
    {
        await using var host = await ChatHost.StartAsync(client: options => options.ReasoningParser = "none");
        host.Server.Enqueue(new Connectors.Vllm.Testing.ScriptedReply { Text = text, EndWithEos = false, FinishReason = "error" });
        var asking = host.Client.GetResponseAsync("Go.", new ChatOptions { OutputChoices = ["yes", "no"] }, Token);

        if (isWhole)
        {
            var response = await asking;
            Assert.Equal(("yes", ChatFinishReason.Stop), (response.Text, response.FinishReason));
        }
        else
        {
            await Assert.ThrowsAsync<VllmConstraintException>(() => asking);
        }
    }

    [Fact]
    public async Task Schema_TruncatedAnswer_IsLengthAndNoError()
    {
        await using var host = await ChatHost.StartAsync();
        host.Server.Enqueue("""{"n": 44444444444444444444}""");

        var response = await host.Client.GetResponseAsync("Go.", new ChatOptions { ResponseFormat = Json(), MaxOutputTokens = 3 }, Token);

        Assert.Equal(ChatFinishReason.Length, response.FinishReason);
    }

    private static void AssertSchema(SamplingParams sampling, bool bound)
    {
        var format = JsonDocument.Parse(sampling.StructuralTag).RootElement.GetProperty("format");
        Assert.True(JsonElement.DeepEquals(JsonDocument.Parse(Schema).RootElement, format.GetProperty("json_schema")));
        Assert.Equal(bound, format.TryGetProperty("max_whitespace_cnt", out _));
    }

    private sealed record Answer(int N);

    private sealed record Forecast(Place Where, int[] Degrees, bool IsDry);

    private sealed record Place(string City);

    private static ChatResponseFormat Json() => ChatResponseFormat.ForJsonSchema(JsonDocument.Parse(Schema).RootElement);
}
