using System.Text.Json;
using Engine = Connectors.Vllm.Grpc.Protocol.Engine;
using Inference = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>What a live server answered, replayed through the engine over a real socket, gives the facts that were recorded with it.</summary>
public sealed class RecordedReplayTests
{
    [Theory]
    [InlineData("A", ReplayLayout.Whole)]
    [InlineData("A", ReplayLayout.Together)]
    [InlineData("A", ReplayLayout.SingleBytes)]
    [InlineData("B", ReplayLayout.Whole)]
    [InlineData("B", ReplayLayout.Together)]
    [InlineData("B", ReplayLayout.SingleBytes)]
    public async Task Generate_RecordedAnswers_GiveTheRecordedFacts(string family, ReplayLayout layout)
    {
        _ = Recordings.All;
        await using var server = await ReplayServer.StartAsync();
        server.AnswerFamilyInfo(family);
        await using var engine = Engines.Create(server.Endpoint);
        var count = 0;
        foreach (var exchange in Recordings.All.Where(
            e => e.Family == family && e.IsGeneration && e.Status == "OK" && !e.Label.StartsWith("e-", StringComparison.Ordinal)))
        {
            server.Answer(exchange.Method, exchange.Responses, layout: layout);
            var request = Read(exchange);

            var updates = await engine.GenerateAsync(request).CollectAsync();

            foreach (var expected in exchange.Expected.EnumerateArray())
            {
                Compare(exchange, expected, updates);
            }

            CompareLogprobs(exchange, updates);

            count++;
        }

        Assert.Equal(family == "A" ? 44 : 52, count);
    }

    [Fact]
    public async Task Generate_StreamingTwins_EqualTheirWholeTwins()
    {
        _ = Recordings.All;
        foreach (var family in new[] { "A", "B" })
        {
            await using var server = await ReplayServer.StartAsync();
            server.AnswerFamilyInfo(family);
            await using var engine = Engines.Create(server.Endpoint);
            foreach (var stream in Recordings.All.Where(e => e.Family == family && e.Label.EndsWith("-stream", StringComparison.Ordinal)))
            {
                var whole = Recordings.All.FirstOrDefault(
                    e => e.Family == family && e.Label == stream.Label.Replace("-stream", "-whole", StringComparison.Ordinal));
                if (whole is null || stream.Label is "abort-stream" or "cached-stream")
                {
                    continue;
                }

                server.Answer(stream.Method, stream.Responses);
                var streamed = await engine.GenerateAsync(Read(stream)).CollectAsync();
                server.Answer(whole.Method, whole.Responses);
                var collected = await engine.GenerateAsync(Read(whole)).CollectAsync();

                foreach (var index in streamed.Select(update => update.Index).Distinct())
                {
                    Assert.Equal(collected.Ids(index), streamed.Ids(index));
                    Assert.Equal(collected.Finish(index), streamed.Finish(index));
                    Assert.Equal(Flatten(collected, index), Flatten(streamed, index));
                }
            }
        }
    }

    [Theory]
    [InlineData(ReplayLayout.Whole)]
    [InlineData(ReplayLayout.SingleBytes)]
    public async Task Generate_RustServicer_GivesTheRecordedFacts(ReplayLayout layout)
    {
        _ = Recordings.Rust;
        await using var server = await ReplayServer.StartAsync();
        AnswerRustInfo(server);
        await using var engine = Engines.Create(server.Endpoint);
        var count = 0;
        foreach (var exchange in Recordings.Rust.Where(e => IsAnswer(e) && !e.Label.StartsWith("prompt-logprobs", StringComparison.Ordinal)))
        {
            server.Answer(exchange.Method, exchange.Responses, layout: layout);

            var updates = await engine.GenerateAsync(Read(exchange)).CollectAsync();

            foreach (var expected in exchange.Expected.EnumerateArray())
            {
                Compare(exchange, expected, updates);
            }

            CompareLogprobs(exchange, updates);
            count++;
        }

        Assert.Equal(40, count);
    }

    [Theory]
    [InlineData("prompt-logprobs-stream")]
    [InlineData("prompt-logprobs-whole")]
    public async Task Generate_RustServicerAndPromptLogprobs_AreRefusedByName(string label)
    {
        var exchange = Recordings.Rust.Single(e => e.Label == label);
        await using var server = await ReplayServer.StartAsync();
        AnswerRustInfo(server);
        server.Answer(exchange.Method, exchange.Responses);
        await using var engine = Engines.Create(server.Endpoint);

        var exception = await Assert.ThrowsAsync<VllmRequestException>(() => engine.GenerateAsync(Read(exchange)).CollectAsync());

        Assert.Equal(nameof(GenerationRequest.PromptLogprobs), exception.Parameter);
        Assert.Contains("Rust servicer", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(server.Received, call => call.Method == exchange.Method);
    }

    [Theory]
    [InlineData("prompt-logprobs-stream")]
    [InlineData("prompt-logprobs-whole")]
    public async Task Generate_AnswerThatLostATokenOnAnUnknownServer_IsNeverDelivered(string label)
    {
        var exchange = Recordings.Rust.Single(e => e.Label == label);
        await using var server = await ReplayServer.StartAsync();
        server.AnswerFamilyInfo("A");
        server.Answer(exchange.Method, exchange.Responses);
        await using var engine = Engines.Create(server.Endpoint);

        var exception = await Assert.ThrowsAsync<VllmProtocolException>(() => engine.GenerateAsync(Read(exchange)).CollectAsync());

        Assert.Contains("0 prompt tokens where 8 were sent", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("e-schema")]
    [InlineData("e-regex")]
    [InlineData("e-grammar-error-finish")]
    public async Task Generate_RustServicerCannotCompileTheConstraint_IsAConstraintException(string label)
    {
        var exchange = Recordings.Rust.Single(e => e.Label == label);
        await using var server = await ReplayServer.StartAsync();
        AnswerRustInfo(server);
        server.Answer(exchange.Method, exchange.Responses, exchange.StatusCode, exchange.Details);
        await using var engine = Engines.Create(server.Endpoint);

        await Assert.ThrowsAsync<VllmConstraintException>(() => engine.GenerateAsync(Read(exchange)).CollectAsync());
    }

    [Theory]
    [InlineData("drain-open-stream")]
    [InlineData("dead-open-stream")]
    public async Task Generate_RustServicerGoesAwayInTheMiddle_IsAnInterruption(string label)
    {
        var exchange = Recordings.Rust.Single(e => e.Label == label);
        await using var server = await ReplayServer.StartAsync();
        AnswerRustInfo(server);
        server.Answer(exchange.Method, exchange.Responses, exchange.StatusCode, exchange.Details);
        await using var engine = Engines.Create(server.Endpoint);

        var exception = await Assert.ThrowsAsync<VllmConnectionException>(() => engine.GenerateAsync(Read(exchange)).CollectAsync());

        Assert.True(exception.IsRetryable);
        Assert.Equal("servicer shutting down: the engine went away before the request completed", exception.ServerMessage);
    }

    [Fact]
    public async Task Embed_RecordedAnswers_GiveTheRecordedVectors()
    {
        foreach (var exchange in Recordings.All.Where(e => e.Label is "embed-chat" or "embed-short"))
        {
            await using var server = await ReplayServer.StartAsync();
            server.AnswerFamilyInfo("A");
            server.Answer(exchange.Method, exchange.Responses);
            await using var engine = Engines.Create(server.Endpoint);

            var result = await engine.EmbedAsync(new[] { 1, 2, 3 });

            Assert.Equal(exchange.Expected.GetProperty("prompt_tokens").GetInt32(), result.PromptTokens);
            Assert.Equal(exchange.Expected.GetProperty("embedding_dim").GetInt32(), result.Vector.Length);
            Assert.Equal(exchange.Expected.GetProperty("first")[0].GetSingle(), result.Vector.Span[0]);
            Assert.Equal(1.0, Math.Sqrt(result.Vector.ToArray().Sum(x => (double)x * x)), 3);
        }
    }

    private static void AnswerRustInfo(ReplayServer server)
    {
        foreach (var exchange in Recordings.Rust.Where(e => !e.IsGeneration && e.Status == "OK" && !e.Label.Contains('-', StringComparison.Ordinal)))
        {
            server.Answer(exchange.Method, exchange.Responses);
        }
    }

    private static bool IsAnswer(RecordedExchange exchange) => exchange.IsGeneration && exchange.Status == "OK"
        && (exchange.Label.EndsWith("-stream", StringComparison.Ordinal) || exchange.Label.EndsWith("-whole", StringComparison.Ordinal));

    // The Inference protocol does not tell the size of the vocabulary.
    private static GenerationRequest Read(RecordedExchange exchange) => exchange.Family == "A"
        ? RequestReading.FromEngine(exchange.Request).Request
        : RequestReading.FromInference(exchange.Request, exchange.Method.EndsWith("Stream", StringComparison.Ordinal)).Request with
        {
            VocabularySize = 49_152,
        };

    private static string Flatten(IEnumerable<GenerationUpdate> updates, int index) => string.Join(
        ';',
        updates.Where(update => update.Index == index).SelectMany(update => update.Logprobs ?? [])
            .Select(logprob => $"{logprob.TokenId}:{logprob.Logprob}:{string.Join(',', logprob.Alternatives)}"));

    private static void Compare(RecordedExchange exchange, JsonElement expected, List<GenerationUpdate> updates)
    {
        var index = expected.GetProperty("index").GetInt32();
        var finish = updates.Finish(index);
        var ids = updates.Ids(index);
        var expectedIds = expected.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToArray();

        // Two recordings asked for text only.
        if (expectedIds.Length > 0 || exchange.Family == "A")
        {
            Assert.True(expectedIds.SequenceEqual(ids), $"{exchange} choice {index}: {string.Join(' ', ids)}");
        }

        Assert.Equal(expected.GetProperty("finish_reason").GetString(), finish.RawReason);
        Assert.Equal(expected.GetProperty("prompt_tokens").GetInt32(), updates.Max(update => update.PromptTokens));
        if (expected.TryGetProperty("cached_tokens", out var cached))
        {
            Assert.Equal(cached.GetInt32(), updates.Max(update => update.CachedTokens));
        }

        Assert.Equal(Text(expected, "matched_stop_str") ?? Text(expected, "stop_string"), finish.StopString);
        Assert.Equal(Number(expected, "matched_token_id") ?? Number(expected, "stop_token_id"), finish.StopTokenId);
        Assert.Equal(Number(expected, "eos_token_id"), finish.EosTokenId);
        Assert.Equal(Number(expected, "completion_tokens") ?? Number(expected, "num_output_tokens"), finish.OutputTokens);
    }

    /// <summary>
    /// Log probabilities of the sampled tokens, per choice, as the messages hold them; a last message that repeats ids is left out.
    /// </summary>
    private static void CompareLogprobs(RecordedExchange exchange, List<GenerationUpdate> updates)
    {
        var recorded = exchange.Family == "A"
            ? VllmEngineLogprobs(exchange)
            : exchange.Responses.Select(bytes => Inference.GenerateResponse.Parser.ParseFrom(bytes).Outputs)
                .Where(outputs => outputs is { Logprobs.Count: > 0 })
                .Select(outputs => (Index: (int)outputs.Index, Ids: outputs.TokenIds.AsEnumerable(), Logprobs: outputs.Logprobs.AsEnumerable()));
        foreach (var choice in recorded.GroupBy(part => part.Index))
        {
            Assert.Equal(
                choice.SelectMany(part => part.Ids.Zip(part.Logprobs, (id, logprob) => ((int)id, (float?)logprob))),
                updates.Where(update => update.Index == choice.Key).SelectMany(update => update.Logprobs ?? [])
                    .Select(logprob => (logprob.TokenId, logprob.Logprob)));
        }
    }

    private static IEnumerable<(int Index, IEnumerable<uint> Ids, IEnumerable<float> Logprobs)> VllmEngineLogprobs(RecordedExchange exchange)
    {
        foreach (var response in exchange.Responses.Select(Engine.GenerateResponse.Parser.ParseFrom))
        {
            var (index, logprobs) = response.Chunk is { } chunk ? (chunk.Index, chunk.OutputLogprobs)
                : RequestReading.FromEngine(exchange.Request).Request.Stream ? (0u, null)
                : (response.Complete.Index, response.Complete.OutputLogprobs);
            if (logprobs is not null)
            {
                yield return ((int)index, logprobs.TokenIds, logprobs.TokenLogprobs);
            }
        }
    }

    private static string? Text(JsonElement element, string name) => element.TryGetProperty(name, out var value) ? value.GetString() : null;

    private static int? Number(JsonElement element, string name) => element.TryGetProperty(name, out var value) ? value.GetInt32() : null;
}
