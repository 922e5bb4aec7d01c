using System.Collections.Concurrent;
using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Grpc.Tests;

public sealed class VllmGrpcClientTests
{
    [Theory]
    [InlineData(EmulatedServer.VllmEngine, true)]
    [InlineData(EmulatedServer.VllmEngine, false)]
    [InlineData(EmulatedServer.Inference, true)]
    [InlineData(EmulatedServer.Inference, false)]
    public async Task CreateAsync_Text_IsDecodedWithoutTheEndToken(EmulatedServer protocol, bool stream)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = protocol });
        server.Reply("Grüße, 世界!");
        await using var client = new VllmGrpcClient(server.Endpoint.ToString());

        var result = await client.CompleteAsync(new GenerationRequest { PromptText = "Hello", Stream = stream });

        Assert.Equal("Grüße, 世界!", result.Text);
        Assert.Equal(GenerationFinishReason.Stop, result.Choices[0].Finish!.Reason);
        Assert.Equal(result.Choices[0].TokenIds.Count, result.CompletionTokens);
        Assert.True(result.PromptTokens > 0);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task CreateAsync_StopString_IsCutFromTheText(EmulatedServer protocol)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = protocol });
        server.Reply("one two END three");
        await using var client = new VllmGrpcClient(server.Endpoint.ToString());

        var result = await client.CompleteAsync(new GenerationRequest { PromptText = "Hello", StopStrings = ["END"] });

        Assert.Equal("one two ", result.Text);
        Assert.Equal("END", result.Choices[0].Finish!.StopString);
    }

    [Fact]
    public async Task StreamAsync_Pieces_AreTheWholeText()
    {
        await using var server = await VllmEmulator.StartAsync();
        server.Reply("A longer answer, with emoji 👩‍👩‍👧 and all.");
        await using var client = new VllmGrpcClient(server.Endpoint.ToString());
        var text = "";

        await foreach (var update in client.CompleteStreamingAsync("Hello"))
        {
            Assert.False(update.Text.Length > 0 && (char.IsLowSurrogate(update.Text[0]) || char.IsHighSurrogate(update.Text[^1])));
            text += update.Text;
        }

        Assert.Equal("A longer answer, with emoji 👩‍👩‍👧 and all.", text);
    }

    [Fact]
    public async Task CreateAsync_FailsInTheMiddle_CarriesWhatHadCome()
    {
        await using var server = await VllmEmulator.StartAsync();
        server.Reply(new ScriptedReply { Text = "one two three four five six", Fault = ServerFault.Status(14, "going down", afterMessages: 4) });
        await using var client = new VllmGrpcClient(new VllmConnectionOptions { Endpoints = { server.Endpoint }, Retry = { MaxRetries = 0 } });

        var e = await Assert.ThrowsAsync<VllmConnectionException>(() => client.CompleteAsync("Hello"));

        Assert.NotNull(e.PartialCompletion);
        Assert.StartsWith("o", e.PartialCompletion.Text, StringComparison.Ordinal);
        Assert.StartsWith(e.PartialCompletion.Text, "one two three four five six", StringComparison.Ordinal);
        Assert.Null(e.PartialCompletion.Choices[0].Finish);
    }

    [Fact]
    public async Task CreateAsync_FreeTextUnderAJsonConstraint_IsNoAnswer()
    {
        await using var server = await VllmEmulator.StartAsync();
        server.Reply("Sure! Here is some prose.");
        await using var client = new VllmGrpcClient(server.Endpoint.ToString());

        var e = await Assert.ThrowsAsync<VllmConstraintException>(
            () => client.CompleteAsync(new GenerationRequest { PromptText = "Hello", Constraint = OutputConstraint.JsonObject() }));

        Assert.Equal("Sure! Here is some prose.", e.PartialCompletion!.Text);
    }

    [Fact]
    public void BlockingMethods_UnderASingleThreadedContext_DoNotDeadlock()
    {
        using var context = new SingleThreadContext();

        context.Run(() =>
        {
            var server = Task.Run(() => VllmEmulator.StartAsync()).GetAwaiter().GetResult();
            server.Reply("blocking works");
            using var client = new VllmGrpcClient(server.Endpoint.ToString());

            client.WaitUntilReady(TimeSpan.FromSeconds(20));
            Assert.True(client.Server.GetHealth().IsHealthy);
            Assert.NotNull(client.Server.GetModelInfo());
            Assert.Equal("blocking works", client.Complete("Hello").Text);
            Assert.Equal("blocking works", string.Concat(client.CompleteStreaming("Hello").Select(update => update.Text)));
            client.Server.Abort(["none"]);
            Task.Run(() => server.DisposeAsync().AsTask()).GetAwaiter().GetResult();
        });
    }

    [Fact]
    public async Task Stream_LeftEarly_AbortsTheRequest()
    {
        await using var server = await VllmEmulator.StartAsync();
        server.Reply(new ScriptedReply { Text = "one two three", HoldAfterMessages = 3, Hold = new TaskCompletionSource().Task });
        await using var client = new VllmGrpcClient(server.Endpoint.ToString());

        await Task.Run(() => client.CompleteStreaming("Hello").First());

        await server.WaitForRequestAsync("/Abort").WaitAsync(Engines.HangGuard);
    }

    [Fact]
    public async Task WaitUntilReady_ServerComesUpLater_Returns()
    {
        await using var server = await VllmEmulator.StartAsync();
        await server.StopAsync();
        await using var client = new VllmGrpcClient(new VllmConnectionOptions { Endpoints = { server.Endpoint }, Retry = { MaxRetries = 0 } });

        var waiting = client.WaitUntilReadyAsync(Engines.HangGuard);
        await server.RestartAsync();

        await waiting.WaitAsync(Engines.HangGuard);
        Assert.True((await client.Server.GetHealthAsync()).IsHealthy);
    }

    [Fact]
    public async Task WaitUntilReady_ServerStaysAway_TimesOutWithTheLastFailure()
    {
        await using var server = await VllmEmulator.StartAsync();
        await server.StopAsync();
        await using var client = new VllmGrpcClient(new VllmConnectionOptions { Endpoints = { server.Endpoint }, Retry = { MaxRetries = 0 } });

        var e = await Assert.ThrowsAsync<VllmTimeoutException>(() => client.WaitUntilReadyAsync(TimeSpan.FromMilliseconds(50)));

        Assert.IsType<VllmConnectionException>(e.InnerException);
    }

    [Fact]
    public async Task CreateAsync_ManyAtOnce_AllComplete()
    {
        const int Count = 300;
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { MaxCapturedRequests = 1000 });
        server.Reply(ScriptedReply.FromIds(10, 11, 12, 13, 14, 15, 16, 17));
        await using var engine = Engines.Create(server.Endpoint);

        var all = await Task.WhenAll(
            Enumerable.Range(0, Count).Select(i => engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1, 2 } }).CollectAsync()));

        Assert.All(all, updates => Assert.Equal([10, 11, 12, 13, 14, 15, 16, 17], updates.Ids().Take(8)));
        Assert.InRange(server.AcceptedConnections, 1, 20);
    }

    [Fact]
    public void FromEnvironment_Variables_GiveHostPortAndTimeout()
    {
        var (host, port, timeout) = (Read("HOST"), Read("PORT"), Read("TIMEOUT"));
        try
        {
            Write("HOST", "gpu-box");
            Write("PORT", "1234");
            Write("TIMEOUT", "7.5");

            Assert.Equal(new Uri("http://gpu-box:1234"), Assert.Single(new VllmConnectionOptions().Snapshot().Endpoints));
            Assert.Equal(TimeSpan.FromSeconds(7.5), new VllmConnectionOptions().CallTimeout);
        }
        finally
        {
            Write("HOST", host);
            Write("PORT", port);
            Write("TIMEOUT", timeout);
        }

        static string? Read(string name) => Environment.GetEnvironmentVariable("VLLM_GRPC_" + name);
        static void Write(string name, string? value) => Environment.SetEnvironmentVariable("VLLM_GRPC_" + name, value);
    }

    /// <summary>A context like a UI thread's: work posted to it waits until the running work returns.</summary>
    private sealed class SingleThreadContext : SynchronizationContext, IDisposable
    {
        private readonly BlockingCollection<(SendOrPostCallback Work, object? State)> _queue = [];

        public override void Post(SendOrPostCallback d, object? state) => _queue.Add((d, state));

        public void Run(Action action)
        {
            Exception? failure = null;
            var thread = new Thread(() =>
            {
                SetSynchronizationContext(this);
                try
                {
                    action();
                }
                catch (Exception e)
                {
                    failure = e;
                }
            })
            { IsBackground = true };
            thread.Start();
            Assert.True(thread.Join(Engines.HangGuard), "the blocking methods hang under a single-threaded context");
            Assert.Null(failure);
        }

        public void Dispose() => _queue.Dispose();
    }
}
