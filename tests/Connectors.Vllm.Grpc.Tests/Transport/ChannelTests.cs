using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using Connectors.Vllm.Testing;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>What a user may bring of gRPC's own: channels, invokers, interceptors, credentials, handlers, addresses, traces.</summary>
public sealed class ChannelTests
{
    private static readonly GenerationRequest Request = new() { PromptIds = new[] { 1, 2, 3 } };

    [Fact]
    public async Task Create_OwnChannel_IsUsedAndLeftOpen()
    {
        await using var server = await StartAsync();
        using var channel = GrpcChannel.ForAddress(server.Endpoint);

        await using (var engine = VllmGrpcClient.CreateEngine(channel))
        {
            Assert.Equal(10, (await engine.GenerateAsync(Request).CollectAsync()).Ids()[0]);
            Assert.Equal(server.Endpoint.Authority, engine.Endpoint.Authority);
        }

        await using var second = VllmGrpcClient.CreateEngine(channel);
        Assert.True((await second.HealthAsync()).IsHealthy);
    }

    [Fact]
    public async Task Generate_OwnCallInvoker_MakesTheCalls()
    {
        await using var server = await StartAsync();
        using var channel = GrpcChannel.ForAddress(server.Endpoint);
        var seen = new Recorder();
        await using var engine =
            Engines.Create(new Uri("http://named.in.messages:1"), options => options.CallInvoker = channel.CreateCallInvoker().Intercept(seen));

        await engine.GenerateAsync(Request).CollectAsync();

        Assert.Contains("/vllm.grpc.engine.VllmEngine/Generate", seen.Methods);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task Generate_Interceptors_SeeEveryCallTheFirstOutermost(EmulatedServer protocol)
    {
        await using var server = await StartAsync(protocol);
        var (outer, inner) = (new Recorder("outer"), new Recorder("inner"));
        await using var engine = Engines.Create(server.Endpoint, options =>
        {
            options.Interceptors.Add(outer);
            options.Interceptors.Add(inner);
        });

        await engine.GenerateAsync(Request).CollectAsync();

        Assert.Equal(outer.Methods, inner.Methods);
        Assert.All(server.Requests, request => Assert.Contains(request.Method, outer.Methods));
        Assert.All(server.Requests, request => Assert.Equal("outer,inner", request.Metadata["x-seen"].Replace(" ", "", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Generate_CallCredentials_AreAskedForEveryCall()
    {
        await using var server = await StartAsync();
        var number = 0;
        await using var engine = Engines.Create(server.Endpoint, options => options.CallCredentials = CallCredentials.FromInterceptor((_, metadata) =>
        {
            metadata.Add("authorization", $"Bearer token-{Interlocked.Increment(ref number)}");
            return Task.CompletedTask;
        }));

        await engine.GenerateAsync(Request).CollectAsync();
        await engine.GenerateAsync(Request).CollectAsync();

        var tokens = server.Requests.Select(request => request.Metadata["authorization"]).ToList();
        Assert.Equal(tokens.Count, tokens.Distinct().Count());
        Assert.Contains("Bearer token-1", tokens);
    }

    [Fact]
    public async Task Generate_CallCredentialsThatFail_SendNothing()
    {
        await using var server = await StartAsync();
        await using var engine = Engines.Create(server.Endpoint, options => options.CallCredentials =
            CallCredentials.FromInterceptor((_, _) => throw new InvalidOperationException("the vault is closed")));

        var exception = await Assert.ThrowsAnyAsync<VllmException>(() => engine.GenerateAsync(Request).CollectAsync());

        Assert.Contains("the vault is closed", exception.Message, StringComparison.Ordinal);
        Assert.False(exception.IsRetryable);
        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task Generate_OwnHandler_CarriesTheCallsAndIsNotDisposed()
    {
        await using var server = await StartAsync();
        using var handler = new CountingHandler(new SocketsHttpHandler());

        for (var i = 0; i < 2; i++)
        {
            await using var engine = Engines.Create(server.Endpoint, options => options.HttpHandler = handler);
            await engine.GenerateAsync(Request).CollectAsync();
        }

        Assert.Equal(server.Requests.Count, handler.Sent);
    }

    [Fact]
    public async Task Generate_ConfiguredChannel_MayWrapTheHandlerAndStillNoticesRestarts()
    {
        await using var server = await StartAsync();
        CountingHandler? handler = null;
        await using var engine = Engines.Create(server.Endpoint, options =>
        {
            options.Retry.MaxRetries = 3;
            options.ConfigureChannel = channel => channel.HttpHandler = handler = new CountingHandler(channel.HttpHandler!);
        });
        await engine.GenerateAsync(Request).CollectAsync();
        await server.RestartAsync();
        server.ClearRequests();

        await engine.GenerateAsync(Request).CollectAsync();

        Assert.True(handler!.Sent > 0);
        Assert.Contains(server.Requests, request => request.Method.EndsWith("/GetModelInfo", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Generate_OwnHandler_ConnectsAgainAsOftenAsCallsAreRetried()
    {
        await using var server = await StartAsync();
        using var handler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true };
        GrpcChannelOptions? settings = null;
        await using var engine = Engines.Create(server.Endpoint, options =>
        {
            options.HttpHandler = handler;
            options.Retry.BaseDelay = TimeSpan.FromMilliseconds(300);
            options.Retry.MaxDelay = TimeSpan.FromSeconds(7);
            options.ConfigureChannel = channel => settings = channel;
        });

        await engine.GenerateAsync(Request).CollectAsync();

        Assert.Equal(
            (TimeSpan.FromMilliseconds(300), TimeSpan.FromSeconds(7)), (settings!.InitialReconnectBackoff, settings.MaxReconnectBackoff!.Value));
    }

    [Fact]
    public async Task Generate_UnixSocket_Works()
    {
        var path = Path.Combine(Path.GetTempPath(), $"vllm-{Guid.NewGuid():N}.sock");
        await using var tcp = await StartAsync();
        await using var server = new UnixRelay(path, tcp.Endpoint);
        await using var engine = Engines.Create(new Uri("unix:" + path));

        Assert.Equal(10, (await engine.GenerateAsync(Request).CollectAsync()).Ids()[0]);
        Assert.Equal("unix", engine.Endpoint.Scheme);
    }

    [Fact]
    public async Task Generate_DnsAddress_IsResolvedByTheChannel()
    {
        await using var server = await StartAsync();
        await using var engine = Engines.Create(new Uri($"dns:///localhost:{server.Endpoint.Port}"));

        Assert.Equal(10, (await engine.GenerateAsync(Request).CollectAsync()).Ids()[0]);
    }

    [Theory]
    [InlineData("nobody://knows:1")]
    [InlineData("http://user:secret@host:1")]
    public void Create_AddressNoChannelTakes_IsAnArgumentErrorWithoutSecrets(string address)
    {
        var exception = Assert.Throws<ArgumentException>(() => VllmGrpcClient.CreateEngine(address));

        Assert.DoesNotContain("secret", exception.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_BinaryMetadata_ArrivesAsBytes()
    {
        await using var server = await StartAsync();
        await using var engine = Engines.Create(server.Endpoint, options => options.Metadata["X-Trace-bin"] = "AQID");

        await engine.GenerateAsync(Request with { Metadata = new Dictionary<string, string> { ["x-own-bin"] = "BAU", ["x-trace-bin"] = "BgcI" } })
            .CollectAsync();

        var sent = server.Requests.Single(request => request.Method.EndsWith("/Generate", StringComparison.Ordinal)).Metadata;
        Assert.Equal([4, 5], Convert.FromBase64String(sent["x-own-bin"]));
        Assert.Equal([6, 7, 8], Convert.FromBase64String(sent["x-trace-bin"]));
        Assert.Equal([1, 2, 3], Convert.FromBase64String(server.Requests[0].Metadata["x-trace-bin"]));
    }

    [Fact]
    public async Task Generate_RunningActivity_ReachesTheServerAsTraceparent()
    {
        await using var server = await StartAsync();
        await using var engine = Engines.Create(server.Endpoint);
        using var activity = new Activity("request").SetIdFormat(ActivityIdFormat.W3C).Start();

        await engine.GenerateAsync(Request).CollectAsync();

        var sent = server.Requests.Single(request => request.Method.EndsWith("/Generate", StringComparison.Ordinal)).Metadata["traceparent"];
        Assert.StartsWith($"00-{activity.TraceId}-", sent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_Logger_ReceivesTheChannelsOwnLog()
    {
        await using var server = await StartAsync();
        using var log = new LogRecorder();
        await using var engine = VllmGrpcClient.CreateEngine(VllmConnectionOptions.ForEndpoint(server.Endpoint.ToString()), log);

        await engine.GenerateAsync(Request).CollectAsync();

        Assert.Contains(log.Categories, category => category.StartsWith("Grpc.Net.Client", StringComparison.Ordinal));
    }

    private static async Task<VllmEmulator> StartAsync(EmulatedServer protocol = EmulatedServer.VllmEngine)
    {
        var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = protocol });
        server.Reply(ScriptedReply.FromIds(10, 11));
        return server;
    }

    private sealed class Recorder(string? mark = null) : Interceptor
    {
        public ConcurrentQueue<string> Methods { get; } = [];

        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
            TRequest request, ClientInterceptorContext<TRequest, TResponse> context, AsyncUnaryCallContinuation<TRequest, TResponse> continuation) =>
            continuation(request, See(context));

        public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
            TRequest request, ClientInterceptorContext<TRequest, TResponse> context,
            AsyncServerStreamingCallContinuation<TRequest, TResponse> continuation) =>
            continuation(request, See(context));

        private ClientInterceptorContext<TRequest, TResponse> See<TRequest, TResponse>(ClientInterceptorContext<TRequest, TResponse> context)
            where TRequest : class
            where TResponse : class
        {
            Methods.Enqueue(context.Method.FullName);
            if (mark is not null)
            {
                context.Options.Headers!.Add("x-seen", mark);
            }

            return context;
        }
    }

    private sealed class CountingHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        private int _sent;

        public int Sent => _sent;

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _sent);
            return base.SendAsync(request, cancellationToken);
        }
    }

    /// <summary>Passes the bytes of a Unix socket on to a server's TCP port.</summary>
    private sealed class UnixRelay : IAsyncDisposable
    {
        private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        private readonly Task _accepting;

        public UnixRelay(string path, Uri target)
        {
            _listener.Bind(new UnixDomainSocketEndPoint(path));
            _listener.Listen();
            _accepting = AcceptAsync(target);
        }

        public async ValueTask DisposeAsync()
        {
            _listener.Dispose();
            await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        private static async Task PassOnAsync(Socket socket, Uri target)
        {
            using var client = new TcpClient();
            await client.ConnectAsync(target.Host, target.Port);
            await using var up = new NetworkStream(socket, ownsSocket: true);
            await Task.WhenAny(up.CopyToAsync(client.GetStream()), client.GetStream().CopyToAsync(up));
        }

        private async Task AcceptAsync(Uri target)
        {
            while (true)
            {
                _ = PassOnAsync(await _listener.AcceptAsync(), target);
            }
        }
    }
}
