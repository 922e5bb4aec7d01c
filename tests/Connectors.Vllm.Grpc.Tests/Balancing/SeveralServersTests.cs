using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Grpc.Tests;

public sealed class SeveralServersTests
{
    [Fact]
    public async Task Generate_OneOfTwoServersDown_GoesToTheOther()
    {
        await using var one = await VllmTestServer.StartAsync();
        await using var two = await VllmTestServer.StartAsync();
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

    [Fact]
    public async Task Generate_EngineDeadOnOneServer_GoesToTheOther()
    {
        await using var one = await VllmTestServer.StartAsync();
        await using var two = await VllmTestServer.StartAsync();
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
        await using var one = await VllmTestServer.StartAsync();
        await using var two = await VllmTestServer.StartAsync();
        one.Reply(ScriptedReply.FromIds(10));
        two.Reply(ScriptedReply.FromIds(10));
        await using var engine = CreateEngine(one, two, options => (options.PrefixAffinity, options.ProbeInterval) = (false, TimeSpan.FromMilliseconds(20)));
        await one.StopAsync();
        for (var i = 0; i < 4; i++)
        {
            await engine.GenerateAsync(Prompt(i)).CollectAsync();
        }

        await one.RestartAsync();
        one.ClearRequests();
        var guard = DateTime.UtcNow + Engines.HangGuard;
        while (Generations(one) == 0 && DateTime.UtcNow < guard)
        {
            await engine.GenerateAsync(Prompt(1)).CollectAsync();
        }

        Assert.NotEqual(0, Generations(one));
    }

    [Fact]
    public async Task Generate_SameBeginning_StaysOnOneServer()
    {
        await using var one = await VllmTestServer.StartAsync();
        await using var two = await VllmTestServer.StartAsync();
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
        await using var one = await VllmTestServer.StartAsync();
        await using var two = await VllmTestServer.StartAsync();
        one.Reply(ScriptedReply.FromIds(10));
        two.Reply(ScriptedReply.FromIds(10));
        await using var engine = CreateEngine(one, two, options => options.PrefixAffinity = false);

        for (var i = 0; i < 8; i++)
        {
            await engine.GenerateAsync(Prompt(5)).CollectAsync();
        }

        Assert.Equal((4, 4), (Generations(one), Generations(two)));
    }

    private static GenerationRequest Prompt(int id) => new() { PromptIds = new[] { id + 1, 2, 3 } };

    private static int Generations(VllmTestServer server) => server.Requests.Count(request => request.Method.EndsWith("/Generate", StringComparison.Ordinal));

    private static IVllmEngine CreateEngine(VllmTestServer one, VllmTestServer two, Action<VllmConnectionOptions>? configure = null) =>
        Engines.Create(one.Endpoint, options =>
        {
            options.Endpoints.Add(two.Endpoint);
            (options.Retry.MaxRetries, options.Retry.BaseDelay) = (3, TimeSpan.FromMilliseconds(1));
            configure?.Invoke(options);
        });
}
