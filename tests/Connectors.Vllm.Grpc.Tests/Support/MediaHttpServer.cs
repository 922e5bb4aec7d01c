using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>
/// An ordinary web server with a picture, for servers that fetch media: <c>/picture.png</c>, <c>/moved</c>, <c>/status/CODE</c>, <c>/slow</c>.
/// </summary>
internal sealed class MediaHttpServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private MediaHttpServer(WebApplication app) => _app = app;

    public ConcurrentQueue<(string Path, string Agent)> Requests { get; } = [];

    public static async Task<MediaHttpServer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0));
        var server = new MediaHttpServer(builder.Build());
        server._app.Run(server.HandleAsync);
        await server._app.StartAsync();
        return server;
    }

    public Uri At(string path) => new(new Uri(_app.Urls.First()), path);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task HandleAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        Requests.Enqueue((path, context.Request.Headers.UserAgent.ToString()));
        switch (path)
        {
            case "/picture.png":
                context.Response.ContentType = "image/png";
                await context.Response.Body.WriteAsync(SampleMedia.Png);
                break;
            case "/moved":
                context.Response.Redirect("/picture.png");
                break;
            case "/slow":
                await Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted);
                break;
            default:
                context.Response.StatusCode = int.Parse(path.Split('/')[^1]);
                break;
        }
    }
}
