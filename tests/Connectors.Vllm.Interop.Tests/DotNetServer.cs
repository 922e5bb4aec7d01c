using Connectors.Vllm.Grpc;
using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Interop.Tests;

/// <summary>A server of Grpc.AspNetCore in this process, for one protocol, with the script of <see cref="PeerScript"/>.</summary>
internal sealed class DotNetServer : IAsyncDisposable
{
    private readonly WebApplication _application;

    private DotNetServer(WebApplication application, PeerScript script)
    {
        _application = application;
        Script = script;
    }

    public PeerScript Script { get; }

    public Uri Endpoint => new(_application.Urls.First());

    public static async Task<DotNetServer> StartAsync(
        string protocol, CancellationToken cancellationToken, Action<GrpcServiceOptions>? configure = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(
            kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc(options =>
        {
            options.MaxReceiveMessageSize = null;
            configure?.Invoke(options);
        });
        var script = new PeerScript();
        builder.Services.AddSingleton(script);
        var application = builder.Build();
        application.Use(async (context, next) =>
        {
            await next(context);
            script.ResponseEncodings.Enqueue(context.Response.Headers["grpc-encoding"].ToString());
        });
        if (protocol == "VllmEngine")
        {
            application.MapGrpcService<EnginePeer>();
        }
        else
        {
            application.MapGrpcService<InferencePeer>();
            application.MapGrpcService<ControlPeer>();
        }

        await application.StartAsync(cancellationToken);
        return new DotNetServer(application, script);
    }

    public IVllmEngine Connect(Action<VllmConnectionOptions>? configure = null)
    {
        var options = VllmConnectionOptions.ForEndpoint(Endpoint.ToString());
        options.Retry.MaxRetries = 0;
        configure?.Invoke(options);
        return VllmGrpcClient.CreateEngine(options);
    }

    public ValueTask DisposeAsync() => _application.DisposeAsync();
}
