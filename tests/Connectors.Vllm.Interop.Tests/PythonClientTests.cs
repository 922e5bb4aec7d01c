using System.Text.Json;
using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Interop.Tests;

/// <summary>A Python grpcio client calls our test server.</summary>
public sealed class PythonClientTests
{
    private static readonly TimeSpan HangGuard = TimeSpan.FromSeconds(30);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("VllmEngine", "stop")]
    [InlineData("Inference", "STOP")]
    public async Task Generate_StreamedAndWhole_GivesTheScriptedIds(string protocol, string finish)
    {
        await using var server = await StartAsync(protocol);
        server.Reply(new ScriptedReply { Ids = [10, 11, 12], TokensPerMessage = 2 });
        var eos = server.Tokenizer.TokenToId("<|im_end|>")!.Value;

        var stream = await PythonPeer.RunClientAsync(protocol, server.Endpoint, "stream", Cancel);
        var whole = await PythonPeer.RunClientAsync(protocol, server.Endpoint, "whole", Cancel);

        Assert.Equal([10, 11, 12, eos], Ids(stream));
        Assert.Equal(4, stream.GetProperty("count").GetInt32());
        Assert.Equal(finish, stream.GetProperty("finish").GetString());
        Assert.Equal([10, 11, 12, eos], Ids(whole));
        Assert.Equal(finish, whole.GetProperty("finish").GetString());
        Assert.Equal(1, whole.GetProperty("messages").GetInt32());
        Assert.True(protocol == "VllmEngine" || stream.GetProperty("promptFirst").GetBoolean());
    }

    [Theory]
    [InlineData("VllmEngine")]
    [InlineData("Inference")]
    public async Task Cancel_MidStream_IsSeenByTheServer(string protocol)
    {
        await using var server = await StartAsync(protocol);
        server.Reply(new ScriptedReply { Ids = [10, 11, 12], Hold = new TaskCompletionSource().Task, HoldAfterMessages = 2 });

        var result = await PythonPeer.RunClientAsync(protocol, server.Endpoint, "cancel", Cancel);
        var captured = await server.WaitForRequestAsync(request => request.RequestId == "py-1", Cancel);
        await captured.Cancelled.WaitAsync(HangGuard, Cancel);
        await server.WaitUntilIdleAsync(Cancel).WaitAsync(HangGuard, Cancel);

        Assert.Equal([10], Ids(result));
        Assert.Equal(1, server.CancelledCalls);
        Assert.Equal(2, captured.OutputTokens);
    }

    [Theory]
    [InlineData("VllmEngine", "abort")]
    [InlineData("Inference", "ABORTED")]
    public async Task Abort_MidStream_EndsTheStreamWithOk(string protocol, string finish)
    {
        await using var server = await StartAsync(protocol);
        server.Reply(new ScriptedReply { Ids = [10, 11, 12], Hold = new TaskCompletionSource().Task, HoldAfterMessages = 1 });

        var result = await PythonPeer.RunClientAsync(protocol, server.Endpoint, "abort", Cancel);

        Assert.Equal(finish, result.GetProperty("finish").GetString());
        Assert.Equal("OK", result.GetProperty("status").GetString());
        Assert.Equal(1, server.AbortedRequests);
    }

    [Theory]
    [InlineData("VllmEngine", "The decoder prompt cannot be empty")]
    [InlineData("Inference", "prompt is required")]
    public async Task Refusal_EmptyRequest_HasStatusAndText(string protocol, string text)
    {
        await using var server = await StartAsync(protocol);

        var result = await PythonPeer.RunClientAsync(protocol, server.Endpoint, "refused", Cancel);

        Assert.Equal("INVALID_ARGUMENT", result.GetProperty("status").GetString());
        Assert.Equal(text, result.GetProperty("details").GetString());
    }

    [Theory]
    [InlineData("VllmEngine")]
    [InlineData("Inference")]
    public async Task Deadline_Passes_EndsTheCallOnBothSides(string protocol)
    {
        await using var server = await StartAsync(protocol);
        server.Reply(new ScriptedReply { Ids = [10, 11, 12], Hold = new TaskCompletionSource().Task, HoldAfterMessages = 1 });

        var result = await PythonPeer.RunClientAsync(protocol, server.Endpoint, "deadline", Cancel);
        await server.WaitUntilIdleAsync(Cancel).WaitAsync(HangGuard, Cancel);

        Assert.Equal("DEADLINE_EXCEEDED", result.GetProperty("status").GetString());
    }

    [Theory]
    [InlineData("VllmEngine")]
    [InlineData("Inference")]
    public async Task Health_NamesAndWatch_AnswerAsTheProtocolDoes(string protocol)
    {
        await using var server = await StartAsync(protocol);

        var result = await PythonPeer.RunClientAsync(protocol, server.Endpoint, "health", Cancel);

        Assert.Equal("SERVING", result.GetProperty("").GetString());
        Assert.Equal("SERVING", result.GetProperty(protocol == "VllmEngine" ? "vllm.grpc.engine.VllmEngine" : "vllm.Control").GetString());
        Assert.Equal("NOT_FOUND", result.GetProperty("unknown").GetString());
        Assert.Equal("SERVING", result.GetProperty("watch").GetString());
        Assert.True(protocol == "Inference" || result.GetProperty("watchEnds").GetBoolean());
    }

    [Fact]
    public async Task Info_VllmEngine_HandsOutTheTokenizerBundle()
    {
        await using var server = await StartAsync("VllmEngine");

        var result = await PythonPeer.RunClientAsync("VllmEngine", server.Endpoint, "info", Cancel);

        Assert.True(result.GetProperty("healthy").GetBoolean());
        Assert.True(result.GetProperty("checksum").GetBoolean());
        Assert.Equal(
            server.ModelFiles.Keys.Order(StringComparer.Ordinal), result.GetProperty("files").EnumerateArray().Select(name => name.GetString()!));
    }

    [Fact]
    public async Task Info_Inference_TellsModelAndApi()
    {
        await using var server = await StartAsync("Inference");

        var result = await PythonPeer.RunClientAsync("Inference", server.Endpoint, "info", Cancel);

        Assert.Equal(TinyModel.Name, result.GetProperty("model").GetString());
        Assert.Equal("vllm", result.GetProperty("api").GetString());
    }

    [Fact]
    public async Task Gzip_VllmEngine_IsAccepted()
    {
        await using var server = await StartAsync("VllmEngine");
        server.Reply(new ScriptedReply { Ids = [10] });

        // Long enough for grpcio to find compressing worth it.
        var result = await PythonPeer.RunClientAsync(
            "VllmEngine", server.Endpoint, "stream", Cancel, "--gzip", "--prompt", string.Join(' ', Enumerable.Repeat("7", 3000)));

        Assert.Equal(10, Ids(result)[0]);
        Assert.Equal(3000, server.Requests[0].PromptIds.Count);
        Assert.Equal("gzip", server.Requests[0].Metadata["grpc-encoding"]);
    }

    [Theory]
    [InlineData("VllmEngine")]
    [InlineData("Inference")]
    public async Task Tls_TrustedCertificate_Works(string protocol)
    {
        using var certificates = new TestCertificates();
        await using var server = await StartAsync(protocol, certificates);
        server.Reply(new ScriptedReply { Ids = [10] });

        var result = await PythonPeer.RunClientAsync(protocol, server.Endpoint, "stream", Cancel, "--ca", certificates.AuthorityFile);

        Assert.Equal(10, Ids(result)[0]);
    }

    [Theory]
    [InlineData("VllmEngine")]
    [InlineData("Inference")]
    public async Task MutualTls_OwnStrangersAndNoCertificate_OnlyTheOwnGetsIn(string protocol)
    {
        using var certificates = new TestCertificates();
        await using var server = await StartAsync(protocol, certificates, mutual: true);
        server.Reply(new ScriptedReply { Ids = [10] });

        var own = await PythonPeer.RunClientAsync(protocol, server.Endpoint, "stream", Cancel, "--ca", certificates.AuthorityFile, "--cert",
            certificates.ClientFile, "--key", certificates.ClientKeyFile);
        var none = await PythonPeer.RunClientAsync(protocol, server.Endpoint, "handshake", Cancel, "--ca", certificates.AuthorityFile);
        var stranger = await PythonPeer.RunClientAsync(protocol, server.Endpoint, "handshake", Cancel, "--ca", certificates.AuthorityFile, "--cert",
            certificates.StrangerFile, "--key", certificates.StrangerKeyFile);

        Assert.Equal(10, Ids(own)[0]);
        Assert.Equal("UNAVAILABLE", none.GetProperty("status").GetString());
        Assert.Equal("UNAVAILABLE", stranger.GetProperty("status").GetString());
    }

    private static Task<VllmEmulator> StartAsync(string protocol, TestCertificates? certificates = null, bool mutual = false) =>
        VllmEmulator.StartAsync(
        new()
        {
            Server = protocol is "VllmEngine" or "A" ? EmulatedServer.VllmEngine : EmulatedServer.Inference,
            Certificate = certificates?.Server,
            ClientCertificateAuthorities = mutual ? [certificates!.Authority] : null,
        },
        Cancel);

    private static int[] Ids(JsonElement result) => [.. result.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
}
