using Connectors.Vllm.Grpc.Protocol.Engine;

namespace Connectors.Vllm.Testing.Tests;

/// <summary>The emulated Rust servicer: loading, draining, death and what it refuses.</summary>
public sealed class RustServicerTests
{
    private const string Service = "/vllm.grpc.engine.VllmEngine/";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Loading_CallsAreRefusedWhileInformationIsGiven_UntilTheModelIsThere()
    {
        await using var server = await StartAsync(new() { StartsLoading = true });
        using var client = new RawGrpcClient(server.Endpoint);

        Assert.Equal((false, "Engine is starting"), await HealthAsync(client));
        Assert.Equal(0, (await client.CallAsync(Service + "GetModelInfo", new GetModelInfoRequest(), Cancel)).Status);
        var refused = await client.CallAsync(Methods.Generate, Request("r"), Cancel);
        Assert.Equal((14, "engine is still connecting"), (refused.Status, refused.Detail));

        server.FinishLoading();
        Assert.Equal((true, "Health"), await HealthAsync(client));
        Assert.Equal(0, (await client.CallAsync(Methods.Generate, Request("r"), Cancel)).Status);
    }

    [Fact]
    public async Task Terminate_NewCallsAreAnsweredWhileItDrains_OpenOnesEndUnavailable()
    {
        await using var server = await StartAsync(new() { ShutdownGrace = TimeSpan.FromSeconds(3) });
        using var client = new RawGrpcClient(server.Endpoint);
        server.Enqueue(new ScriptedReply { Text = "held", Hold = new TaskCompletionSource().Task, HoldAfterMessages = 1 });
        var open = client.CallAsync(Methods.Generate, Request("open"), Cancel);
        await server.WaitForRequestAsync("Generate", Cancel);

        var down = server.TerminateAsync();
        Assert.Equal((false, "Draining"), await HealthAsync(client));
        Assert.Equal(0, (await client.CallAsync(Methods.Generate, Request("late"), Cancel)).Status);

        var ended = await open;
        Assert.Equal((14, "servicer shutting down: the engine went away before the request completed"), (ended.Status, ended.Detail));
        await down;
    }

    [Fact]
    public async Task Generate_PromptOutsideTheVocabulary_KillsTheEngine()
    {
        await using var server = await StartAsync(new());
        using var client = new RawGrpcClient(server.Endpoint);

        var killer = await client.CallAsync(Methods.Generate, Request("killer", 999_999), Cancel);
        var later = await client.CallAsync(Methods.Generate, Request("later"), Cancel);

        Assert.Equal((13, "engine core reported fatal failure"), (killer.Status, killer.Detail));
        Assert.Equal((13, "engine ZMQ client is closed: client is shutting down"), (later.Status, later.Detail));
        Assert.Equal((false, "Engine is not alive"), await HealthAsync(client));
    }

    [Fact]
    public async Task RequestId_MissingOrInFlight_IsRefused()
    {
        await using var server = await StartAsync(new());
        using var client = new RawGrpcClient(server.Endpoint);
        var hold = new TaskCompletionSource();
        server.Enqueue(new ScriptedReply { Text = "held", Hold = hold.Task });
        var first = client.CallAsync(Methods.Generate, Request("same"), Cancel);
        await server.WaitForRequestAsync("Generate", Cancel);

        var second = await client.CallAsync(Methods.Generate, Request("same"), Cancel);
        var nameless = await client.CallAsync(Methods.Generate, Request(""), Cancel);
        hold.SetResult();

        Assert.Equal((6, "request same is already in flight"), (second.Status, second.Detail));
        Assert.Equal((3, "request_id is required"), (nameless.Status, nameless.Detail));
        Assert.Equal(0, (await first).Status);
    }

    [Fact]
    public async Task StopString_WithoutTokenizer_IsAFailedPrecondition()
    {
        await using var server = await StartAsync(new() { HasTokenizer = false });
        using var client = new RawGrpcClient(server.Endpoint);
        var request = Request("r");
        request.SamplingParams = new SamplingParams { Stop = { "end" } };

        Assert.Equal(9, (await client.CallAsync(Methods.Generate, request, Cancel)).Status);
    }

    [Fact]
    public async Task MaxQueuedRequests_OneMore_IsRefusedAsBusy()
    {
        await using var server = await VllmEmulator.StartAsync(new() { MaxQueuedRequests = 1 }, Cancel);
        using var client = new RawGrpcClient(server.Endpoint);
        var hold = new TaskCompletionSource();
        server.Enqueue(new ScriptedReply { Text = "held", Hold = hold.Task });
        var first = client.CallAsync(Methods.Generate, Request("one"), Cancel);
        await server.WaitForRequestAsync("Generate", Cancel);

        var second = await client.CallAsync(Methods.Generate, Request("two"), Cancel);
        hold.SetResult();

        Assert.Equal(14, second.Status);
        Assert.StartsWith("The engine is currently busy and cannot accept new requests.", second.Detail, StringComparison.Ordinal);
        Assert.Equal(1, server.RefusedCalls);
        Assert.Equal(0, (await first).Status);
    }

    private static Task<VllmEmulator> StartAsync(VllmEmulatorOptions options)
    {
        options.Server = EmulatedServer.VllmEngineRust;
        return VllmEmulator.StartAsync(options, Cancel);
    }

    private static async Task<(bool Healthy, string Message)> HealthAsync(RawGrpcClient client)
    {
        var answer = await client.CallAsync(Service + "HealthCheck", new HealthCheckRequest(), Cancel);
        var health = HealthCheckResponse.Parser.ParseFrom(answer.Messages.Single());
        return (health.Healthy, health.Message);
    }

    private static GenerateRequest Request(string id, uint token = 1) =>
        new() { RequestId = id, Stream = true, Tokenized = new() { InputIds = { token, 2 } } };
}
