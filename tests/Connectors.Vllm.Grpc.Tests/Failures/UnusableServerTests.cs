using System.Net;
using System.Net.Sockets;
using System.Text;
using Connectors.Vllm.Testing;
using Grpc.Core;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>Addresses where no vLLM gRPC server answers: one clear error that says what, where and what to try.</summary>
public sealed class UnusableServerTests
{
    private static readonly GenerationRequest Request = new() { PromptIds = new[] { 1, 2, 3 } };

    [Fact]
    public async Task Generate_NothingListens_SaysConnectionRefused()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var endpoint = new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");
        listener.Stop();
        await using var engine = Engines.Create(endpoint);

        var e = await Assert.ThrowsAsync<VllmConnectionException>(() => engine.GenerateAsync(Request).CollectAsync());

        Assert.Equal(StatusCode.Unavailable, e.StatusCode);
        Assert.True(e.IsRetryable);
        Assert.Contains("connection refused", e.Message, StringComparison.Ordinal);
        Assert.Contains(endpoint.Authority, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 30\r\n\r\nInvalid HTTP request received.")]
    [InlineData(
        "HTTP/1.1 404 Not Found\r\nserver: uvicorn\r\ncontent-length: 22\r\ncontent-type: application/json\r\n\r\n{\"detail\":\"Not Found\"}")]
    public async Task Generate_HttpOnePort_SaysItLooksLikeOne(string answer)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await using var engine = Engines.Create(new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}"));

        await SaysItLooksLikeHttpAsync(engine, listener, answer);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task Generate_ServerReplacedByAnHttpServer_SaysItLooksLikeOne(EmulatedServer played)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = played });
        await using var engine = Engines.Create(server.Endpoint, options => options.Retry.MaxRetries = 1);
        await engine.GenerateAsync(Request).CollectAsync();
        await server.StopAsync();
        using var listener = new TcpListener(IPAddress.Loopback, server.Endpoint.Port);
        listener.Start();

        await SaysItLooksLikeHttpAsync(engine, listener, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    }

    [Theory]
    [InlineData(404, "text/html", StatusCode.Unimplemented)]
    [InlineData(404, "application/json", StatusCode.Unimplemented)]
    [InlineData(405, "text/html", StatusCode.Unknown)]
    [InlineData(200, "text/html", StatusCode.Unknown)]
    [InlineData(200, "application/json", StatusCode.Unknown)]
    public async Task Generate_PageOnAnEstablishedChannel_SaysItLooksLikeHttp(int status, string type, StatusCode code)
    {
        await using var server = RawHttp2Server.Start();
        server.Generate = async stream =>
        {
            await stream.HeadersAsync(end: false, [(":status", $"{status}"), ("content-type", type)]);
            await stream.DataAsync("<html><body>Not Found</body></html>"u8.ToArray(), end: true);
        };
        await using var engine = Engines.Create(server.Endpoint);
        await engine.GetModelInfoAsync();

        var exception = await Assert.ThrowsAsync<VllmConnectionException>(() => engine.GenerateAsync(Request).CollectAsync());

        Assert.Equal(code, exception.StatusCode);
        Assert.Contains("looks like an HTTP port", exception.Message, StringComparison.Ordinal);
        Assert.Contains("--grpc", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_HttpTwoServerWithoutGrpc_SaysItLooksLikeHttp()
    {
        await using var server = await VllmEmulator.StartAsync();
        server.FailNext("HealthCheck", new ServerFault { Kind = FaultKind.HttpAnswer, HttpStatus = 404 });
        await using var engine = Engines.Create(server.Endpoint);

        var e = await Assert.ThrowsAsync<VllmConnectionException>(() => engine.GetModelInfoAsync().AsTask());

        Assert.Equal(StatusCode.Unimplemented, e.StatusCode);
        Assert.Contains("looks like an HTTP port", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_SilentServer_EndsAtTheCallTimeout()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await using var engine = Engines.Create(
            new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}"),
            options => options.CallTimeout = TimeSpan.FromMilliseconds(300));

        var e = await Assert.ThrowsAsync<VllmTimeoutException>(() => engine.HealthAsync());

        Assert.Equal((VllmTimeoutKind.Call, nameof(VllmConnectionOptions.CallTimeout)), (e.Kind, e.Option));
        Assert.Contains("detect the server's protocol", e.Message);
        Assert.Equal(StatusCode.DeadlineExceeded, e.StatusCode);
    }

    [Fact]
    public async Task Health_HandshakeNeverEnds_EndsAtTheConnectTimeout()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await using var engine = Engines.Create(
            new Uri($"https://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}"),
            options => options.ConnectTimeout = TimeSpan.FromMilliseconds(300));

        var e = await Assert.ThrowsAsync<VllmTimeoutException>(() => engine.HealthAsync());

        Assert.Equal((VllmTimeoutKind.Connect, StatusCode.Unavailable), (e.Kind, e.StatusCode));
        Assert.True(e.IsRetryable);
    }

    [Fact]
    public async Task Generate_UnknownHost_SaysSo()
    {
        await using var engine = Engines.Create(new Uri("http://no-such-host.invalid:9000"));

        var e = await Assert.ThrowsAsync<VllmConnectionException>(() => engine.GenerateAsync(Request).CollectAsync());

        Assert.Contains("cannot be resolved", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_GrpcServerOfSomethingElse_ListsWhatWasTried()
    {
        await using var server = await ReplayServer.StartAsync();
        await using var engine = Engines.Create(server.Endpoint);

        var e = await Assert.ThrowsAsync<VllmConnectionException>(() => engine.GenerateAsync(Request).CollectAsync());

        Assert.Contains("vllm.grpc.engine.VllmEngine", e.Message, StringComparison.Ordinal);
        Assert.Contains("vllm.Generate", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ftp://host")]
    [InlineData("http://host/v1")]
    [InlineData("http://ho st")]
    [InlineData("localhost")]
    public void ForEndpoint_NoServerAddress_IsRefused(string address) =>
        Assert.Throws<ArgumentException>(() => VllmConnectionOptions.ForEndpoint(address));

    public static TheoryData<string> BadOptions() => ["token", "metadata name", "reserved name", "timeout", "size", "retries"];

    [Theory]
    [MemberData(nameof(BadOptions))]
    public void Create_BadOption_IsRefused(string which)
    {
        var options = VllmConnectionOptions.ForEndpoint("localhost:9000");
        switch (which)
        {
            case "token":
                options.BearerToken = "secret\n";
                break;
            case "metadata name":
                options.Metadata["a b"] = "c";
                break;
            case "reserved name":
                options.Metadata["grpc-timeout"] = "1S";
                break;
            case "timeout":
                options.CallTimeout = TimeSpan.Zero;
                break;
            case "size":
                options.MaxReceiveMessageBytes = 0;
                break;
            default:
                options.Retry.MaxRetries = 11;
                break;
        }

        Assert.ThrowsAny<ArgumentException>(() => VllmGrpcClient.CreateEngine(options));
    }

    private static async Task SaysItLooksLikeHttpAsync(IVllmEngine engine, TcpListener listener, string answer)
    {
        using var stop = new CancellationTokenSource();
        var serving = ServeAsync(listener, Encoding.ASCII.GetBytes(answer), stop.Token);

        var exception = await Assert.ThrowsAsync<VllmConnectionException>(() => engine.GenerateAsync(Request).CollectAsync());
        await stop.CancelAsync();
        await serving;

        // Whether its response or its disconnection is seen first is a race.
        Assert.Matches("(looks like|may be|or) an HTTP port", exception.Message);
        Assert.Contains("--grpc", exception.Message, StringComparison.Ordinal);
    }

    private static async Task ServeAsync(TcpListener listener, byte[] answer, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync(cancellationToken);
                var stream = client.GetStream();
                await stream.ReadAtLeastAsync(new byte[24], 24, false, cancellationToken);
                await stream.WriteAsync(answer, cancellationToken);
                client.Client.Shutdown(SocketShutdown.Send);
                await stream.CopyToAsync(Stream.Null, cancellationToken);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or SocketException)
        {
        }
    }
}
