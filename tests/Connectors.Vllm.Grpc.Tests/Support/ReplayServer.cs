using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>Answers each method with fixed bytes over a real HTTP/2 socket, laid out in DATA frames as asked.</summary>
internal sealed class ReplayServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _resets;
    private int _connections;
    private readonly ConcurrentDictionary<string, Func<HttpContext, byte[], Task>> _handlers = new();

    private ReplayServer(WebApplication app) => _app = app;

    public Uri Endpoint { get; private set; } = null!;

    public ConcurrentQueue<(string Method, byte[] Message)> Received { get; } = [];

    /// <summary>Calls that the client reset before their message came.</summary>
    public int Resets => _resets;

    public int Connections => _connections;

    public static async Task<ReplayServer> StartAsync(Action<ListenOptions>? listen = null, int streamsPerConnection = 100)
    {
        ReplayServer? server = null;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.Http2.MaxStreamsPerConnection = streamsPerConnection;
            kestrel.Listen(System.Net.IPAddress.Loopback, 0, options =>
            {
                options.Protocols = HttpProtocols.Http2;
                options.Use(next => connection =>
                {
                    Interlocked.Increment(ref server!._connections);
                    return next(connection);
                });
                listen?.Invoke(options);
            });
        });
        server = new ReplayServer(builder.Build());
        server._app.Run(server.HandleAsync);
        await server._app.StartAsync();
        server.Endpoint = new Uri(server._app.Urls.First());
        return server;
    }

    /// <summary>Answers a method with messages, then this status.</summary>
    public void Answer(string method, IReadOnlyList<byte[]> messages, int status = 0, string detail = "", ReplayLayout layout = ReplayLayout.Whole) =>
        Handle(method, (context, _) => SendAsync(context, messages, status, detail, layout));

    public void Handle(string method, Func<HttpContext, byte[], Task> handler) => _handlers[method] = handler;

    public void AnswerInformation(EmulatedServer recorded)
    {
        foreach (var exchange in Recordings.All.Where(exchange => exchange.Server == recorded && !exchange.IsGeneration && exchange.Status == "OK"))
        {
            Answer(exchange.Method, exchange.Responses);
        }
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    public static async Task SendAsync(
        HttpContext context, IReadOnlyList<byte[]> messages, int status = 0, string detail = "", ReplayLayout layout = ReplayLayout.Whole)
    {
        await StartAnswerAsync(context);
        var frames = messages.Select(Frame).ToList();
        var writes = layout switch
        {
            ReplayLayout.Together => [frames.SelectMany(frame => frame).ToArray()],
            ReplayLayout.SingleBytes => frames.SelectMany(frame => frame).Select(b => new[] { b }).ToList(),
            _ => frames,
        };
        foreach (var bytes in writes)
        {
            await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }

        context.Response.AppendTrailer("grpc-status", status.ToString(CultureInfo.InvariantCulture));
        if (detail.Length > 0)
        {
            context.Response.AppendTrailer("grpc-message", Uri.EscapeDataString(detail));
        }
    }

    public static Task StartAnswerAsync(HttpContext context)
    {
        context.Response.ContentType = "application/grpc";
        return context.Response.StartAsync();
    }

    public static byte[] Frame(byte[] message)
    {
        var frame = new byte[message.Length + 5];
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), (uint)message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    public static void Reset(HttpContext context, int errorCode) => context.Features.GetRequiredFeature<IHttpResetFeature>().Reset(errorCode);

    private async Task HandleAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        try
        {
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            Interlocked.Increment(ref _resets);
            return;
        }

        if (body.Length < 5)
        {
            Interlocked.Increment(ref _resets);
            return;
        }

        var message = body.ToArray().AsSpan(5).ToArray();
        var method = context.Request.Path.Value!;
        Received.Enqueue((method, message));
        if (_handlers.TryGetValue(method, out var handler))
        {
            await handler(context, message);
            return;
        }

        context.Response.ContentType = "application/grpc";
        context.Response.Headers["grpc-status"] = "12";
        context.Response.Headers["grpc-message"] = "Method not found!";
    }
}
