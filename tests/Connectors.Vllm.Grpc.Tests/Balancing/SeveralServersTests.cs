using System.Net;
using System.Net.Sockets;
using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Grpc.Tests;

public sealed class SeveralServersTests
{
    [Fact]
    public async Task Generate_OneOfTwoServersDown_GoesToTheOther()
    {
        await using var one = await VllmEmulator.StartAsync();
        await using var two = await VllmEmulator.StartAsync();
        one.Reply(ScriptedReply.FromIds(10));
        two.Reply(ScriptedReply.FromIds(10));
        await using var engine = CreateEngine(one, two);
        await one.StopAsync();

        for (var i = 0; i < 6; i++)
        {
            var updates = await engine.GenerateAsync(Prompt(i)).CollectAsync();
            Assert.Equal(10, updates.Ids()[0]);
        }

        Assert.Equal(6, Generations(two));
    }

    /// <summary>It still answers, but what it begins now may be broken off in five seconds.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Generate_HealthSaysDraining_NewCallsGoToTheOther(bool isAskedByTheCaller)
    {
        await using var one = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.VllmEngineRust });
        await using var two = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.VllmEngineRust });
        one.Reply(ScriptedReply.FromIds(10));
        two.Reply(ScriptedReply.FromIds(10));
        await using var engine = Engines.Create(one.Endpoint, options =>
        {
            options.Endpoints.Add(two.Endpoint);
            options.ProbeInterval = isAskedByTheCaller ? TimeSpan.FromHours(1) : TimeSpan.FromMilliseconds(1);
        });
        one.StartDraining();
        if (isAskedByTheCaller)
        {
            Assert.Equal("Draining", (await engine.GetEndpointHealthAsync())[0].Message);
        }
        else
        {
            // The engine looks by itself, beside its requests, as long as there are any.
            using var guard = new CancellationTokenSource(Engines.HangGuard);
            for (var calls = -1; calls != Generations(one); guard.Token.ThrowIfCancellationRequested())
            {
                calls = Generations(one);
                for (var i = 0; i < 6; i++)
                {
                    await engine.GenerateAsync(Prompt(i)).CollectAsync();
                }
            }
        }

        var before = Generations(one);
        for (var i = 0; i < 6; i++)
        {
            await engine.GenerateAsync(Prompt(i)).CollectAsync();
        }

        Assert.Equal(before, Generations(one));
    }

    [Fact]
    public async Task Generate_EngineDeadOnOneServer_GoesToTheOther()
    {
        await using var one = await VllmEmulator.StartAsync();
        await using var two = await VllmEmulator.StartAsync();
        one.Reply(ScriptedReply.FromIds(10));
        two.Reply(ScriptedReply.FromIds(10));
        await using var engine = CreateEngine(one, two);
        await one.KillEngineAsync();

        for (var i = 0; i < 4; i++)
        {
            await engine.GenerateAsync(Prompt(i)).CollectAsync();
        }

        Assert.Equal(4, Generations(two));
    }

    [Fact]
    public async Task Generate_ServerIsBack_IsProbedAndUsedAgain()
    {
        await using var one = await VllmEmulator.StartAsync();
        await using var two = await VllmEmulator.StartAsync();
        one.Reply(ScriptedReply.FromIds(10));
        two.Reply(ScriptedReply.FromIds(10));
        await using var engine =
            CreateEngine(one, two, options => (options.PrefixAffinity, options.ProbeInterval) = (false, TimeSpan.FromMilliseconds(20)));
        await one.StopAsync();
        for (var i = 0; i < 4; i++)
        {
            await engine.GenerateAsync(Prompt(i)).CollectAsync();
        }

        await one.RestartAsync();
        one.ClearRequests();

        // Requests probe it; the guard only ends a run in which it never comes back.
        using var guard = new CancellationTokenSource(Engines.HangGuard);
        while (Generations(one) == 0)
        {
            await engine.GenerateAsync(Prompt(1)).CollectAsync();
            guard.Token.ThrowIfCancellationRequested();
        }
    }

    [Fact]
    public async Task Generate_SameBeginning_StaysOnOneServer()
    {
        await using var one = await VllmEmulator.StartAsync();
        await using var two = await VllmEmulator.StartAsync();
        one.Reply(ScriptedReply.FromIds(10));
        two.Reply(ScriptedReply.FromIds(10));
        await using var engine = CreateEngine(one, two);

        for (var i = 0; i < 8; i++)
        {
            await engine.GenerateAsync(Prompt(5)).CollectAsync();
        }

        Assert.Equal(8, Math.Max(Generations(one), Generations(two)));
    }

    [Fact]
    public async Task Generate_DifferentPromptsWithoutAffinity_AreSpread()
    {
        await using var one = await VllmEmulator.StartAsync();
        await using var two = await VllmEmulator.StartAsync();
        one.Reply(ScriptedReply.FromIds(10));
        two.Reply(ScriptedReply.FromIds(10));
        await using var engine = CreateEngine(one, two, options => options.PrefixAffinity = false);

        for (var i = 0; i < 8; i++)
        {
            await engine.GenerateAsync(Prompt(5)).CollectAsync();
        }

        Assert.Equal((4, 4), (Generations(one), Generations(two)));
    }

    [Fact]
    public async Task Generate_OneOfTwoServersHangs_GoesToTheOtherAndSetsItAside()
    {
        using var hung = new TcpListener(IPAddress.Loopback, 0);
        hung.Start();
        await using var server = await VllmEmulator.StartAsync();
        server.Reply(ScriptedReply.FromIds(10));
        using var log = new LogRecorder();
        var options = VllmConnectionOptions.ForEndpoint($"http://127.0.0.1:{((IPEndPoint)hung.LocalEndpoint).Port}");
        options.Endpoints.Add(server.Endpoint);
        (options.CallTimeout, options.FirstTokenTimeout, options.PrefixAffinity) = (TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(20), false);
        await using var engine = VllmGrpcClient.CreateEngine(options, log);

        for (var i = 0; i < 12; i++)
        {
            await engine.GenerateAsync(Prompt(i)).CollectAsync();
        }

        Assert.Equal(12, Generations(server));
        Assert.Contains(log.Lines, line => line.Event == 1002);
        Assert.True(log.Lines.Count(line => line.Event == 1006) < 12, "a server that is set aside is not asked first");
    }

    [Fact]
    public async Task Generate_ServerAnswersHealthButNoRequests_IsLeftAfterTheFirstTokenLimit()
    {
        await using var one = await VllmEmulator.StartAsync();
        await using var two = await VllmEmulator.StartAsync();
        one.Reply(ScriptedReply.Failing(ServerFault.After(0, FaultKind.Stall)));
        two.Reply(ScriptedReply.FromIds(10));
        await using var engine = CreateEngine(one, two, options =>
            (options.PrefixAffinity, options.FirstTokenTimeout, options.ProbeInterval) =
                (false, TimeSpan.FromMilliseconds(300), TimeSpan.FromMinutes(5)));

        for (var i = 0; i < 8; i++)
        {
            Assert.Equal(10, (await engine.GenerateAsync(Prompt(i)).CollectAsync()).Ids()[0]);
        }

        Assert.Equal((1, 8), (Generations(one), Generations(two)));
        await one.WaitForRequestAsync("/Abort").WaitAsync(Engines.HangGuard);
    }

    [Fact]
    public async Task Generate_ServerIsOverloaded_GoesToTheOtherAtOnce()
    {
        await using var one = await VllmEmulator.StartAsync();
        await using var two = await VllmEmulator.StartAsync();
        one.Reply(ScriptedReply.Failing(ServerFault.Status(8, "too many requests")));
        two.Reply(ScriptedReply.FromIds(10));
        await using var engine = CreateEngine(one, two, options => (options.PrefixAffinity, options.Retry.MaxRetries) = (false, 0));

        for (var i = 0; i < 4; i++)
        {
            await engine.GenerateAsync(Prompt(i)).CollectAsync();
        }

        Assert.Equal(4, Generations(two));
    }

    /// <summary>
    /// A few seconds in a normal run, ten minutes with VLLM_TEST_NIGHTLY=1: one server after the other hangs, refuses, drops connections or restarts,
    /// and no request fails that had not begun to be answered.
    /// </summary>
    [Fact]
    public async Task Generate_OneOfThreeServersMisbehavesAtRandom_NoRequestFails()
    {
        var duration = Environment.GetEnvironmentVariable("VLLM_TEST_NIGHTLY") == "1" ? TimeSpan.FromMinutes(10) : TimeSpan.FromSeconds(4);
        await using var one = await VllmEmulator.StartAsync();
        await using var two = await VllmEmulator.StartAsync();
        await using var three = await VllmEmulator.StartAsync();
        VllmEmulator[] servers = [one, two, three];
        foreach (var server in servers)
        {
            server.Reply(ScriptedReply.FromIds(10, 11, 12));
        }

        await using var engine = CreateEngine(one, two, options =>
        {
            options.Endpoints.Add(three.Endpoint);
            (options.FirstTokenTimeout, options.CallTimeout) = (TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5));
            (options.ProbeInterval, options.PrefixAffinity) = (TimeSpan.FromMilliseconds(50), false);
        });
        using var stop = new CancellationTokenSource(duration);
        using var answers = new SemaphoreSlim(0);
        var answered = 0;
        var trouble = Task.Run(async () =>
        {
            var random = new Random(1);
            while (!stop.IsCancellationRequested)
            {
                var server = servers[random.Next(servers.Length)];
                await MisbehaveAsync(server, random.Next(4));
                for (var i = 0; i < 40 && !stop.IsCancellationRequested; i++)
                {
                    await answers.WaitAsync(stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }

                server.Reply(ScriptedReply.FromIds(10, 11, 12));
            }
        });

        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                var received = new List<int>();
                try
                {
                    await foreach (var update in engine.GenerateAsync(Prompt(worker)))
                    {
                        received.AddRange(update.TokenIds.Span);
                    }

                    Assert.Equal([10, 11, 12], received.Take(3));
                }
                catch (VllmException) when (received.Count > 0)
                {
                    // A restart in the middle of an answer: nothing can be repeated any more.
                }

                Interlocked.Increment(ref answered);
                answers.Release();
            }
        })));
        await trouble;

        Assert.True(answered > 40, $"{answered} requests were answered");

        static Task MisbehaveAsync(VllmEmulator server, int how)
        {
            switch (how)
            {
                case 0:
                    server.Reply(ScriptedReply.Failing(ServerFault.After(0, FaultKind.Stall)));
                    return Task.CompletedTask;
                case 1:
                    server.Reply(ScriptedReply.Failing(ServerFault.Status(14, "The engine is currently busy.")));
                    return Task.CompletedTask;
                case 2:
                    server.Reply(ScriptedReply.Failing(ServerFault.After(0, FaultKind.DropConnection)));
                    return Task.CompletedTask;
                default:
                    return server.RestartAsync();
            }
        }
    }

    private static GenerationRequest Prompt(int id) => new() { PromptIds = new[] { id + 1, 2, 3 } };

    private static int Generations(VllmEmulator server) =>
        server.Requests.Count(request => request.Method.EndsWith("/Generate", StringComparison.Ordinal));

    private static IVllmEngine CreateEngine(VllmEmulator one, VllmEmulator two, Action<VllmConnectionOptions>? configure = null) =>
        Engines.Create(one.Endpoint, options =>
        {
            options.Endpoints.Add(two.Endpoint);
            (options.Retry.MaxRetries, options.Retry.BaseDelay) = (3, TimeSpan.FromMilliseconds(1));
            configure?.Invoke(options);
        });
}
