using System.Text.Json;
using Grpc.Core;
namespace Connectors.Vllm.Grpc.Tests;

/// <summary>Refusals and silent failures of a live server end in the documented exceptions.</summary>
public sealed class RecordedFailureTests
{
    [Fact]
    public async Task Generate_RecordedFailures_ThrowTheDocumentedExceptions()
    {
        var count = 0;
        foreach (var exchange in Recordings.All.Where(e => e.IsGeneration && e.Label.StartsWith("e-", StringComparison.Ordinal)))
        {
            await using var server = await ReplayServer.StartAsync();
            server.AnswerInformation(exchange.Server);
            server.Answer(exchange.Method, exchange.Responses, exchange.StatusCode, exchange.Details);
            await using var engine = Engines.Create(server.Endpoint);
            var constraint = exchange.Label switch
            {
                "e-schema" or "e-schema-silent" or "e-schema-json" => OutputConstraint.JsonSchema("""{"type":"objekt"}"""),
                "e-regex" => OutputConstraint.Regex("(["),
                "e-grammar-error-finish" => OutputConstraint.Grammar("root ::= "),
                _ => null,
            };

            // The server counts the prompt; an answer to another one would not be believed.
            var counted = exchange.Expected.ValueKind == JsonValueKind.Array && exchange.Expected.GetArrayLength() > 0
                && exchange.Expected[0].TryGetProperty("prompt_tokens", out var tokens) ? tokens.GetInt32() : 3;
            var request = new GenerationRequest { PromptIds = Enumerable.Range(1, Math.Max(counted, 1)).ToArray(), Constraint = constraint };

            var exception = await Assert.ThrowsAnyAsync<VllmException>(() => engine.GenerateAsync(request).CollectAsync());

            Assert.False(exception.IsRetryable, exchange.ToString());
            Assert.Equal(exchange.Method, exception.Method);
            Assert.Equal(server.Endpoint, exception.Endpoint);
            Assert.False(string.IsNullOrEmpty(exception.RequestId));
            if (constraint is null)
            {
                Assert.IsType<VllmRequestException>(exception);
                Assert.Equal(exchange.Details, exception.ServerMessage);
                Assert.Equal(exchange.StatusCode, (int)exception.StatusCode);
            }
            else
            {
                Assert.Same(constraint, Assert.IsType<VllmConstraintException>(exception).Constraint);
            }

            count++;
        }

        Assert.Equal(Recordings.All.Count(e => e.IsGeneration && e.Label.StartsWith("e-", StringComparison.Ordinal)), count);
    }

    [Theory]
    [InlineData("e-embed-empty")]
    [InlineData("e-embed-oov")]
    [InlineData("e-embed-long")]
    public async Task Embed_RecordedRefusals_AreRequestErrors(string label)
    {
        var exchange = Recordings.Get(EmulatedServer.VllmEngine, label);
        await using var server = await ReplayServer.StartAsync();
        server.AnswerInformation(EmulatedServer.VllmEngine);
        server.Answer(exchange.Method, [], exchange.StatusCode, exchange.Details);
        await using var engine = Engines.Create(server.Endpoint);

        var exception = await Assert.ThrowsAsync<VllmRequestException>(() => engine.EmbedAsync(new[] { 1 }));

        Assert.Equal(
            (exchange.Details, StatusCode.InvalidArgument, exchange.Method), (exception.ServerMessage, exception.StatusCode, exception.Method));
    }
}
