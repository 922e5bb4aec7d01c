using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing;
using Google.Protobuf;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>A constraint that did not hold never looks like an answer.</summary>
public sealed class ConstraintFailureTests
{
    private static readonly OutputConstraint Schema = OutputConstraint.JsonSchema("""{"type":"object"}""");

    [Fact]
    public async Task Generate_FinishError_NamesTheConstraint()
    {
        var e = await FailAsync(
            EmulatedServer.VllmEngine, new ScriptedReply { Ids = [], FinishReason = "error" }, OutputConstraint.Grammar("root ::= "));

        Assert.Equal(OutputConstraintKind.Grammar, e.Constraint!.Kind);
        Assert.Contains("root ::= ", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task Generate_LoneEos_IsNoAnswer(EmulatedServer protocol)
    {
        var e = await FailAsync(protocol, ScriptedReply.FromIds(), Schema);

        Assert.Same(Schema, e.Constraint);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine, 3, "Grammar error: Invalid type: objekt")]
    [InlineData(EmulatedServer.Inference, 13, "engine failed during generation")]
    [InlineData(EmulatedServer.Inference, 3, "invalid structured outputs params: nope")]
    public async Task Generate_ServerRefusesTheConstraint_NamesIt(EmulatedServer protocol, int status, string detail)
    {
        var e = await FailAsync(protocol, ScriptedReply.Failing(ServerFault.Status(status, detail)), Schema);

        Assert.Equal(detail, e.ServerMessage);
        Assert.False(e.IsRetryable);
    }

    [Theory]
    [InlineData("a*")]
    [InlineData("(yes)?")]
    public async Task Generate_LoneEosUnderARegexThatAllowsIt_IsAnAnswer(string pattern)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.Inference });
        server.Enqueue(ScriptedReply.FromIds());
        await using var engine = Engines.Create(server.Endpoint);

        var updates = await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 }, Constraint = OutputConstraint.Regex(pattern) })
            .CollectAsync();

        Assert.Equal(GenerationFinishReason.Stop, updates.Finish().Reason);
    }

    /// <summary>A server may tell a stop string of one token as that token; an answer that ends in it at once is no failed constraint.</summary>
    [Fact]
    public async Task Generate_StopStringToldAsItsToken_IsAnAnswer()
    {
        await using var server = await ReplayServer.StartAsync();
        var model = new GetModelInfoResponse { IsGeneration = true, VocabSize = 100, MaxContextLength = 100 };
        server.Answer("/vllm.grpc.engine.VllmEngine/GetModelInfo", [model.ToByteArray()]);
        var complete = new GenerateComplete
        {
            OutputIds = { 42 },
            FinishReason = "stop",
            PromptTokens = 1,
            CompletionTokens = 1,
            MatchedTokenId = 42,
        };
        server.Answer("/vllm.grpc.engine.VllmEngine/Generate", [new GenerateResponse { Complete = complete }.ToByteArray()]);
        await using var engine = Engines.Create(server.Endpoint, options => options.Protocol = VllmProtocol.VllmEngine);
        var request = new GenerationRequest { PromptIds = new[] { 1 }, Constraint = OutputConstraint.JsonObject(), StopStrings = ["}"] };

        var updates = await engine.GenerateAsync(request).CollectAsync();

        Assert.Equal((GenerationFinishReason.Stop, (int?)42), (updates.Finish().Reason, updates.Finish().StopTokenId));
        await Assert.ThrowsAsync<VllmConstraintException>(() => engine.GenerateAsync(request with { StopStrings = [] }).CollectAsync());
    }

    [Fact]
    public void JsonSchema_NoJson_IsRefusedHere()
    {
        Assert.Throws<VllmRequestException>(() => OutputConstraint.JsonSchema("{"));
        Assert.Throws<VllmRequestException>(() => OutputConstraint.JsonSchema("[]"));
        Assert.Throws<VllmRequestException>(() => OutputConstraint.StructuralTag("1"));
        Assert.Throws<VllmRequestException>(() => OutputConstraint.Grammar(""));
        Assert.Throws<VllmRequestException>(() => OutputConstraint.Regex(""));
        Assert.Throws<VllmRequestException>(() => OutputConstraint.Choice([]));
    }

    private static async Task<VllmConstraintException> FailAsync(EmulatedServer protocol, ScriptedReply reply, OutputConstraint constraint)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = protocol });
        server.Enqueue(reply);
        await using var engine = Engines.Create(server.Endpoint);
        return await Assert.ThrowsAsync<VllmConstraintException>(
            () => engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 }, Constraint = constraint }).CollectAsync());
    }
}
