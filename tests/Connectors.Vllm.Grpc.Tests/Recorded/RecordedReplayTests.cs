using System.Text.Json;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>What a live server answered, replayed through the engine over a real socket, gives the facts that were recorded with it.</summary>
public sealed class RecordedReplayTests
{
    [Theory]
    [InlineData(EmulatedServer.VllmEngine, ReplayLayout.Whole)]
    [InlineData(EmulatedServer.VllmEngine, ReplayLayout.Together)]
    [InlineData(EmulatedServer.VllmEngine, ReplayLayout.SingleBytes)]
    [InlineData(EmulatedServer.Inference, ReplayLayout.Whole)]
    [InlineData(EmulatedServer.Inference, ReplayLayout.Together)]
    [InlineData(EmulatedServer.Inference, ReplayLayout.SingleBytes)]
    public async Task Generate_RecordedAnswers_GiveTheRecordedFacts(EmulatedServer protocol, ReplayLayout layout)
    {
        _ = Recordings.All;
        await using var server = await ReplayServer.StartAsync();
        server.AnswerInformation(protocol);
        await using var engine = Engines.Create(server.Endpoint);
        var count = 0;
        foreach (var exchange in Recordings.All.Where(
            e => e.Server == protocol && e.IsGeneration && e.Status == "OK" && !e.Label.StartsWith("e-", StringComparison.Ordinal)))
        {
            server.Answer(engine, exchange, layout);

            var updates = await engine.GenerateAsync(RecordedFacts.Read(exchange)).CollectAsync();

            RecordedFacts.Compare(exchange, updates);
            count++;
        }

        Assert.Equal(protocol == EmulatedServer.VllmEngine ? 44 : 52, count);
    }

    [Fact]
    public async Task Generate_StreamingTwins_EqualTheirWholeTwins()
    {
        _ = Recordings.All;
        foreach (var protocol in new[] { EmulatedServer.VllmEngine, EmulatedServer.Inference })
        {
            await using var server = await ReplayServer.StartAsync();
            server.AnswerInformation(protocol);
            await using var engine = Engines.Create(server.Endpoint);
            foreach (var stream in Recordings.All.Where(e => e.Server == protocol && e.Label.EndsWith("-stream", StringComparison.Ordinal)))
            {
                var whole = Recordings.All.FirstOrDefault(
                    e => e.Server == protocol && e.Label == stream.Label.Replace("-stream", "-whole", StringComparison.Ordinal));
                if (whole is null || stream.Label is "abort-stream" or "cached-stream")
                {
                    continue;
                }

                server.Answer(stream.Method, stream.Responses);
                var streamed = await engine.GenerateAsync(RecordedFacts.Read(stream)).CollectAsync();
                server.Answer(whole.Method, whole.Responses);
                var collected = await engine.GenerateAsync(RecordedFacts.Read(whole)).CollectAsync();

                foreach (var index in streamed.Select(update => update.Index).Distinct())
                {
                    Assert.Equal(collected.Ids(index), streamed.Ids(index));
                    Assert.Equal(collected.Finish(index), streamed.Finish(index));
                    Assert.Equal(RecordedFacts.Flatten(collected, index), RecordedFacts.Flatten(streamed, index));
                }
            }
        }
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine, false)]
    [InlineData(EmulatedServer.VllmEngine, true)]
    [InlineData(EmulatedServer.Inference, false)]
    public async Task Complete_RecordedAnswers_GiveTheRecordedTexts(EmulatedServer protocol, bool isRust)
    {
        await using var server = await ReplayServer.StartAsync();
        server.AnswerInformation(protocol);
        await using var engine = Engines.Create(server.Endpoint);

        await using var decoding = new VllmGrpcClient(engine, RecordedFacts.Tokenizer);
        await using var plain = new VllmGrpcClient(engine);
        var compared = 0;
        foreach (var exchange in (isRust ? Recordings.Rust : Recordings.All).Where(
            e => e.Server == protocol && e.IsGeneration && e.Status == "OK" && e.Expected is { ValueKind: JsonValueKind.Array }
                && !e.Label.StartsWith("e-", StringComparison.Ordinal)
                && !(isRust && e.Label.StartsWith("prompt-logprobs", StringComparison.Ordinal))))
        {
            server.Answer(engine, exchange);
            var request = RecordedFacts.Read(exchange);
            request = request with { Sampling = request.Sampling with { SkipSpecialTokens = true } };

            // The Inference protocol sends text, or ids, or both, as it was asked: all there is has to be the same.
            (VllmGrpcClient Client, bool Fits)[] clients = [(decoding, request.IncludeTokenIds), (plain, request.IncludeServerText)];
            Assert.Contains(clients, client => client.Fits);
            foreach (var (client, _) in clients.Where(client => client.Fits))
            {
                var result = await client.CompleteAsync(request);

                Assert.Equal(RecordedFacts.TextsOf(exchange), result.Choices.Select(choice => choice.Text));
            }

            compared++;
        }

        Assert.Equal(protocol == EmulatedServer.Inference ? 52 : isRust ? 40 : 44, compared);
    }

    [Fact]
    public async Task Embed_RecordedAnswers_GiveTheRecordedVectors()
    {
        foreach (var exchange in Recordings.All.Where(e => e.Label is "embed-chat" or "embed-short"))
        {
            await using var server = await ReplayServer.StartAsync();
            server.AnswerInformation(EmulatedServer.VllmEngine);
            server.Answer(exchange.Method, exchange.Responses);
            await using var engine = Engines.Create(server.Endpoint);

            var result = await engine.EmbedAsync(new[] { 1, 2, 3 });

            Assert.Equal(exchange.Expected.GetProperty("prompt_tokens").GetInt32(), result.PromptTokens);
            Assert.Equal(exchange.Expected.GetProperty("embedding_dim").GetInt32(), result.Vector.Length);
            Assert.Equal(exchange.Expected.GetProperty("first")[0].GetSingle(), result.Vector.Span[0]);
            Assert.Equal(1.0, Math.Sqrt(result.Vector.ToArray().Sum(x => (double)x * x)), 3);
        }
    }
}
