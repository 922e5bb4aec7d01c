using Grpc.Core;
using Grpc.Net.Client;
using Engine = Connectors.Vllm.Grpc.Protocol.Engine;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>
/// Constrained requests as three live servers answered them, in engines that had made either grammar compiler: the emulator takes and refuses the
/// same ones, and the client makes of their answers what it should.
/// </summary>
public sealed class RecordedConstraintTests
{
    private const int VocabularySize = 49_152;

    public static TheoryData<EmulatedServer> Servers => [EmulatedServer.VllmEngine, EmulatedServer.VllmEngineRust, EmulatedServer.Inference];

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Emulator_RecordedRequests_TakesAndRefusesWhatTheServerDid(EmulatedServer played)
    {
        var folder = TestPaths.RequireCorpus("tokenizers/smollm2-135m-instruct");
        var exchanges = Of(played);
        await using var server = await VllmEmulator.StartAsync(
            new VllmEmulatorOptions { Server = played, ModelDirectory = folder, ContextLength = 2048 });
        server.Reply("{}");

        // One list of requests is one life of an engine, in the order they were sent; connections end with it.
        foreach (var life in exchanges.GroupBy(exchange => exchange.Label.Split('-')[0]))
        {
            using var channel = GrpcChannel.ForAddress(server.Endpoint);
            foreach (var exchange in life)
            {
                var (messages, status) = await RawCall.SendAsync(channel, exchange.Method, exchange.Request);

                Assert.True(
                    (IsRefused(exchange.Method, messages, status.StatusCode), status.Detail)
                        == (IsRefused(exchange.Method, exchange.Responses, (StatusCode)exchange.StatusCode), exchange.Details),
                    $"{exchange}: {status}");
            }

            await server.RestartAsync(TestContext.Current.CancellationToken);
        }

        Assert.Equal(exchanges.Count(exchange => IsRefused(exchange.Method, exchange.Responses, (StatusCode)exchange.StatusCode)),
            server.RefusedConstraints);
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Generate_RecordedAnswers_AreAnswersOrConstraintExceptions(EmulatedServer played)
    {
        _ = Recordings.All;
        await using var server = await ReplayServer.StartAsync();
        server.AnswerInformation(played == EmulatedServer.Inference ? EmulatedServer.Inference : EmulatedServer.VllmEngine);
        await using var engine = Engines.Create(server.Endpoint);
        foreach (var exchange in Of(played))
        {
            server.Answer(exchange.Method, exchange.Responses, exchange.StatusCode, exchange.Details);
            var request = (played == EmulatedServer.Inference
                ? RequestReading.FromInference(exchange.Request, stream: true)
                : RequestReading.FromEngine(exchange.Request)).Request with { VocabularySize = VocabularySize };
            Assert.NotNull(request.Constraint);
            var answering = engine.GenerateAsync(request).CollectAsync();

            if (IsRefused(exchange.Method, exchange.Responses, (StatusCode)exchange.StatusCode))
            {
                Assert.Equal(request.Constraint, (await Assert.ThrowsAsync<VllmConstraintException>(() => answering)).Constraint);
            }
            else
            {
                var updates = await answering;
                Assert.NotEmpty(updates.Ids());
                Assert.Contains(updates.Finish().Reason, (GenerationFinishReason[])[GenerationFinishReason.Stop, GenerationFinishReason.Length]);
            }
        }
    }

    private static List<RecordedExchange> Of(EmulatedServer server)
    {
        List<RecordedExchange> exchanges = [.. Recordings.Constraints.Where(exchange => exchange.Server == server)];
        Assert.Equal(server == EmulatedServer.Inference ? 10 : 21, exchanges.Count);
        return exchanges;
    }

    /// <summary>A refusal is a status, or with the Python servicer a last message that says <c>error</c>.</summary>
    private static bool IsRefused(string method, IReadOnlyList<byte[]> responses, StatusCode status) => status != StatusCode.OK
        || (method.Contains("VllmEngine", StringComparison.Ordinal) && Engine.GenerateResponse.Parser.ParseFrom(responses[^1])
            .Complete?.FinishReason == "error");
}
