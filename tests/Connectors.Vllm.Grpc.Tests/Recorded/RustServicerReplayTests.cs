using Grpc.Core;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>All exchanges that were recorded with the Rust servicer of the VllmEngine protocol, each with what has to become of it.</summary>
public sealed class RustServicerReplayTests
{
    private const string LostEngine = "servicer shutting down: the engine went away before the request completed";

    /// <summary>Requests that this client does not send there, and the parameter its refusal names.</summary>
    private static readonly Dictionary<string, string> RefusedHere = new(StringComparer.Ordinal)
    {
        ["prompt-logprobs-stream"] = nameof(GenerationRequest.PromptLogprobs),
        ["prompt-logprobs-whole"] = nameof(GenerationRequest.PromptLogprobs),
        ["text-prompt-stream"] = nameof(GenerationRequest.PromptText),
        ["text-prompt-whole"] = nameof(GenerationRequest.PromptText),
        ["e-max0"] = nameof(SamplingOptions.MaxTokens),
        ["e-top-p"] = nameof(SamplingOptions.TopP),
        ["e-min-max"] = nameof(SamplingOptions.MinTokens),
        ["e-stop"] = nameof(GenerationRequest.StopStrings),
        ["e-n-greedy"] = nameof(SamplingOptions.ChoiceCount),
        ["e-stop-id"] = nameof(GenerationRequest.StopTokenIds),
    };

    private static readonly string[] RefusedConstraints = ["e-schema", "e-regex", "e-grammar-error-finish"];

    private static readonly string[] Interrupted = ["drain-open-stream", "dead-open-stream"];

    private static readonly string[] Unavailable = ["start-Generate", "dead-Generate", "dead-later-Generate"];

    [Fact]
    public void Recordings_EachOne_BelongsToOneOfTheseTests()
    {
        var generations = Recordings.Rust.Where(exchange => exchange.IsGeneration).Select(exchange => exchange.Label).ToList();

        Assert.Equal(74, Recordings.Rust.Count);
        Assert.Equal(14, Recordings.Rust.Count - generations.Count);
        Assert.Equal(
            generations.Order(StringComparer.Ordinal),
            Answers().Select(exchange => exchange.Label).Concat(RefusedHere.Keys).Concat(RefusedConstraints).Concat(Interrupted).Concat(Unavailable)
                .Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(ReplayLayout.Whole)]
    [InlineData(ReplayLayout.Together)]
    [InlineData(ReplayLayout.SingleBytes)]
    public async Task Generate_Answers_GiveTheRecordedFacts(ReplayLayout layout)
    {
        var answers = Answers();
        await using var server = await StartAsync();
        await using var engine = Engines.Create(server.Endpoint);
        foreach (var exchange in answers)
        {
            server.Answer(engine, exchange, layout);

            var updates = await engine.GenerateAsync(RecordedFacts.Read(exchange)).CollectAsync();

            if (exchange.Label == "drain-Generate")
            {
                // Nothing was written down beside it, but the same prompt was answered before.
                var before = await AnswerOf("length-stream", server, engine);
                Assert.Equal(before.Take(updates.Ids().Length), updates.Ids());
                Assert.Equal(GenerationFinishReason.Length, updates.Finish().Reason);
                continue;
            }

            RecordedFacts.Compare(exchange, updates);
        }

        Assert.Equal(42, answers.Count);
    }

    [Fact]
    public async Task Generate_StreamingAnswers_EqualTheirWholeTwins()
    {
        await using var server = await StartAsync();
        await using var engine = Engines.Create(server.Endpoint);
        var compared = 0;
        foreach (var stream in Answers().Where(exchange => exchange.Label.EndsWith("-stream", StringComparison.Ordinal)))
        {
            var whole = Recordings.Rust.Single(e => e.Label == stream.Label.Replace("-stream", "-whole", StringComparison.Ordinal));
            server.Answer(engine, stream);
            var streamed = await engine.GenerateAsync(RecordedFacts.Read(stream)).CollectAsync();
            server.Answer(engine, whole);
            var collected = await engine.GenerateAsync(RecordedFacts.Read(whole)).CollectAsync();

            foreach (var index in streamed.Select(update => update.Index).Distinct())
            {
                Assert.Equal(collected.Ids(index), streamed.Ids(index));
                Assert.Equal(collected.Finish(index), streamed.Finish(index));
                Assert.Equal(RecordedFacts.Flatten(collected, index), RecordedFacts.Flatten(streamed, index));
                compared++;
            }
        }

        Assert.Equal(22, compared);
    }

    [Fact]
    public async Task Generate_RequestsThatTheServerAnswersWronglyOrDiesOf_AreRefusedByName()
    {
        foreach (var (label, parameter) in RefusedHere)
        {
            var exchange = Recordings.Rust.Single(e => e.Label == label);
            await using var server = await StartAsync();
            await using var engine = Engines.Create(server.Endpoint);
            server.Answer(engine, exchange);

            var exception = await Assert.ThrowsAsync<VllmRequestException>(() => engine.GenerateAsync(RecordedFacts.Read(exchange)).CollectAsync());

            Assert.Equal(parameter, exception.Parameter);
            Assert.DoesNotContain(server.Received, call => call.Method == exchange.Method);
        }
    }

    [Theory]
    [InlineData("prompt-logprobs-stream")]
    [InlineData("prompt-logprobs-whole")]
    public async Task Generate_AnswerThatLostATokenOnAnUnknownServer_IsNeverDelivered(string label)
    {
        var exchange = Recordings.Rust.Single(e => e.Label == label);
        await using var server = await ReplayServer.StartAsync();
        server.AnswerInformation(EmulatedServer.VllmEngine);
        await using var engine = Engines.Create(server.Endpoint);
        server.Answer(engine, exchange);

        var exception = await Assert.ThrowsAsync<VllmProtocolException>(() => engine.GenerateAsync(RecordedFacts.Read(exchange)).CollectAsync());

        Assert.Contains("0 prompt tokens where 8 were sent", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_ConstraintsThatDoNotCompile_AreConstraintExceptions()
    {
        foreach (var label in RefusedConstraints)
        {
            var exchange = Recordings.Rust.Single(e => e.Label == label);
            await using var server = await StartAsync();
            await using var engine = Engines.Create(server.Endpoint);
            server.Answer(engine, exchange);

            var exception =
                await Assert.ThrowsAsync<VllmConstraintException>(() => engine.GenerateAsync(RecordedFacts.Read(exchange)).CollectAsync());

            Assert.Equal(exchange.Details, exception.ServerMessage);
        }
    }

    [Fact]
    public async Task Generate_ServerGoesAwayInTheMiddle_IsAnInterruptionThatHoldsThePartialAnswer()
    {
        foreach (var label in Interrupted)
        {
            var exchange = Recordings.Rust.Single(e => e.Label == label);
            await using var server = await StartAsync();
            await using var engine = Engines.Create(server.Endpoint);
            await using var client = new VllmGrpcClient(engine, RecordedFacts.Tokenizer);
            server.Answer(engine, exchange);

            var exception = await Assert.ThrowsAsync<VllmConnectionException>(() => client.CompleteAsync(RecordedFacts.Read(exchange)));

            Assert.True(exception.IsRetryable);
            Assert.Equal((LostEngine, StatusCode.Unavailable), (exception.ServerMessage, exception.StatusCode));
            Assert.Equal(exchange.Responses.Count, exception.PartialCompletion!.CompletionTokens);
            Assert.NotEmpty(exception.PartialCompletion.Text);
        }
    }

    [Fact]
    public async Task Generate_ServerIsNotThere_IsRetryable()
    {
        foreach (var label in Unavailable)
        {
            var exchange = Recordings.Rust.Single(e => e.Label == label);
            await using var server = await StartAsync();
            await using var engine = Engines.Create(server.Endpoint);
            server.Answer(engine, exchange);

            var exception =
                await Assert.ThrowsAsync<VllmConnectionException>(() => engine.GenerateAsync(RecordedFacts.Read(exchange)).CollectAsync());

            Assert.True(exception.IsRetryable);
            Assert.Equal(exchange.Details, exception.ServerMessage);
            Assert.Null(exception.PartialCompletion);
        }
    }

    [Theory]
    [InlineData("", true, "Health")]
    [InlineData("start-", false, "Engine is starting")]
    [InlineData("drain-", false, "Draining")]
    [InlineData("dead-", false, "Draining")]
    public async Task Information_InEveryState_IsWhatTheServerSaid(string state, bool isHealthy, string message)
    {
        await using var server = await StartAsync();
        foreach (var exchange in Recordings.Rust.Where(e => !e.IsGeneration && e.Label.StartsWith(state + "Get", StringComparison.Ordinal)))
        {
            server.Answer(exchange.Method, exchange.Responses, exchange.StatusCode, exchange.Details);
        }

        var health = Recordings.Rust.Single(exchange => exchange.Label == state + "HealthCheck");
        server.Answer(health.Method, health.Responses, health.StatusCode, health.Details);
        await using var engine = Engines.Create(server.Endpoint);

        Assert.Equal((isHealthy, message), await engine.HealthAsync() is var told ? (told.IsHealthy, told.Message) : default);
        Assert.Equal(49_152, (await engine.GetModelInfoAsync()).VocabularySize);
        Assert.False((await engine.GetCapabilitiesAsync()).PromptLogprobs);
        if (Recordings.Rust.Single(exchange => exchange.Label == state + "GetLoads").StatusCode == (int)StatusCode.OK)
        {
            Assert.Equal("0.32.0", (await engine.GetServerInfoAsync()).EngineVersion);
            Assert.NotEmpty(await engine.GetLoadsAsync());
        }
        else
        {
            Assert.True((await Assert.ThrowsAsync<VllmConnectionException>(() => engine.GetLoadsAsync())).IsRetryable);
        }
    }

    private static async Task<ReplayServer> StartAsync()
    {
        var server = await ReplayServer.StartAsync();
        foreach (var exchange in Recordings.Rust.Where(e => !e.IsGeneration && e.Status == "OK" && !e.Label.Contains('-', StringComparison.Ordinal)))
        {
            server.Answer(exchange.Method, exchange.Responses);
        }

        return server;
    }

    private static async Task<int[]> AnswerOf(string label, ReplayServer server, IVllmEngine engine)
    {
        var exchange = Recordings.Rust.Single(e => e.Label == label);
        server.Answer(engine, exchange);
        return (await engine.GenerateAsync(RecordedFacts.Read(exchange)).CollectAsync()).Ids();
    }

    private static List<RecordedExchange> Answers() => [.. Recordings.Rust.Where(exchange => exchange.IsGeneration && exchange.Status == "OK"
        && !Interrupted.Contains(exchange.Label) && !RefusedHere.ContainsKey(exchange.Label))];
}
