using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>Constraints reach whichever compiler an engine has, at the cost of one call where that changed.</summary>
public sealed class ConstraintLanguageTests
{
    private const string Multiple = """{"type":"object","properties":{"n":{"type":"integer","multipleOf":5}}}""";

    private static readonly OutputConstraint ToolCall =
        OutputConstraint.StructuralTag("""{"type":"structural_tag","format":{"type":"const_string","value":"{}"}}""")
        .WithAlternative(OutputConstraint.Grammar("start: \"{}\"\n"));

    private static readonly OutputConstraint Json =
        OutputConstraint.StructuralTag("""{"type":"structural_tag","format":{"type":"json_schema","json_schema":{"type":"object"}}}""")
        .WithAlternative(OutputConstraint.JsonSchema("""{"type":"object","x-guidance":{"whitespace_flexible":false}}"""));

    private static readonly OutputConstraint[] Kinds =
    [
        Json, ToolCall, OutputConstraint.Regex("\\{\\}"), OutputConstraint.Choice(["{}"]), OutputConstraint.Grammar("root ::= \"{}\""),
    ];

    public static TheoryData<EmulatedServer, bool> Servers =>
        new(new[] { EmulatedServer.VllmEngine, EmulatedServer.VllmEngineRust, EmulatedServer.Inference }.SelectMany(server =>
            new[] { (server, true), (server, false) }));

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Generate_WhateverCameFirst_EveryKindIsTaken(EmulatedServer played, bool schemaFirst)
    {
        await using var server = await StartAsync(played);
        await using var engine = Engines.Create(server.Endpoint, options => options.Retry.MaxRetries = 3);

        // Twice, with a restart of the engine in between that lets the other order decide.
        foreach (var first in (bool[])[schemaFirst, !schemaFirst])
        {
            var refusals = server.RefusedConstraints;
            await AskAsync(engine, first ? OutputConstraint.JsonSchema(Multiple) : ToolCall);
            foreach (var constraint in Kinds.Concat(Kinds))
            {
                await AskAsync(engine, constraint);
            }

            Assert.InRange(server.RefusedConstraints - refusals, 0, 1);
            await server.RestartAsync();
        }
    }

    [Fact]
    public async Task Generate_InferenceProtocol_SendsTheAlternativeFirst()
    {
        await using var server = await StartAsync(EmulatedServer.Inference);
        await using var engine = Engines.Create(server.Endpoint);

        await AskAsync(engine, ToolCall);

        Assert.Equal(0, server.RefusedConstraints);
    }

    [Fact]
    public async Task Generate_VllmEngineProtocol_SendsTheTagFirst()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.VllmEngine });
        server.Reply("{}");
        await using var engine = Engines.Create(server.Endpoint);

        await AskAsync(engine, ToolCall);

        var sent = Assert.Single(server.Requests, request => request.Method.EndsWith("/Generate", StringComparison.Ordinal));
        Assert.Equal(OutputConstraintKind.StructuralTag, RequestReading.FromEngine(sent.Bytes.ToArray()).Request.Constraint!.Kind);
    }

    [Fact]
    public async Task Generate_NeitherLanguageIsTaken_SaysBothAnswersAndWhatDecidesThem()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.VllmEngine });
        server.Enqueue(new ScriptedReply { Ids = [], EndWithEos = false, FinishReason = "error" },
            ScriptedReply.Failing(ServerFault.Status(3, "Invalid grammar specification: no")));
        await using var engine = Engines.Create(server.Endpoint);

        var exception = await Assert.ThrowsAsync<VllmConstraintException>(() => AskAsync(engine, ToolCall));

        Assert.Same(ToolCall, exception.Constraint);
        Assert.Contains("finish reason 'error'", exception.Message, StringComparison.Ordinal);
        Assert.Contains("Invalid grammar specification: no", exception.Message, StringComparison.Ordinal);
        Assert.Contains("first constrained request", exception.Message, StringComparison.Ordinal);
        Assert.Equal(2, server.Requests.Count(request => request.Method.EndsWith("/Generate", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Generate_OwnGrammarIsRefused_SaysWhichDialectItWasTakenFor()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.VllmEngine });
        server.Reply(ScriptedReply.Failing(ServerFault.Status(3, "Grammar error: no start rule")));
        await using var engine = Engines.Create(server.Endpoint);

        var lark = await Assert.ThrowsAsync<VllmConstraintException>(() => AskAsync(engine, OutputConstraint.Grammar("begin: \"a\"")));
        var ebnf = await Assert.ThrowsAsync<VllmConstraintException>(() => AskAsync(engine, OutputConstraint.Grammar("main ::= \"a\"")));

        Assert.Contains("interpreted as Lark", lark.Message, StringComparison.Ordinal);
        Assert.Contains("interpreted as EBNF", ebnf.Message, StringComparison.Ordinal);
        Assert.Equal("Grammar error: no start rule", ebnf.ServerMessage);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Generate_EmptyAnswer_IsARefusalUnlessTheConstraintAllowsIt(bool mayBeEmpty)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.Inference });
        server.Reply(ScriptedReply.FromIds());
        await using var engine = Engines.Create(server.Endpoint);
        var constraint = ToolCall.WithAlternative(ToolCall.Alternative!, mayBeEmpty);

        if (mayBeEmpty)
        {
            await AskAsync(engine, constraint);
        }
        else
        {
            await Assert.ThrowsAsync<VllmConstraintException>(() => AskAsync(engine, constraint));
        }
    }

    private static async Task<VllmEmulator> StartAsync(EmulatedServer played)
    {
        var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = played });
        server.Reply("{}");
        return server;
    }

    private static async Task AskAsync(IVllmEngine engine, OutputConstraint constraint)
    {
        var updates = await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 }, Constraint = constraint }).CollectAsync();
        Assert.Equal(GenerationFinishReason.Stop, updates.Finish().Reason);
    }
}
