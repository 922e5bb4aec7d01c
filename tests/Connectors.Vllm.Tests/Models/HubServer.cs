using System.Collections.Concurrent;
using System.Security.Cryptography;
using Connectors.Vllm.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Tests;

/// <summary>
/// A model hub on a real socket with one repository, <c>org/name</c>: large files are redirected to another path with their checksum in
/// X-Linked-Etag, ranges are honoured, and the first transfer of a file can be made to break off or to stand still.
/// </summary>
internal sealed class HubServer : IAsyncDisposable
{
    public const string Commit = "abcdefabcdefabcdefabcdefabcdefabcdefabcd";
    private const string Large = "tokenizer.json";
    private readonly WebApplication _app;
    private int _largeTransfers;

    private HubServer(WebApplication app) => _app = app;

    public Uri Endpoint => new(_app.Urls.First());

    /// <summary>Bytes of the large file after which its first transfer ends badly; 0 never.</summary>
    public int BreakAfter { get; set; }

    /// <summary>Whether the first transfer stalls instead of breaking off.</summary>
    public bool StandsStill { get; set; }

    /// <summary>The listing of the repository; null for the actual files.</summary>
    public string? Listing { get; set; }

    /// <summary>Requests as <c>METHOD path range</c>.</summary>
    public ConcurrentQueue<string> Requests { get; } = [];

    public static async Task<HubServer> StartAsync(CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0));
        var server = new HubServer(builder.Build());
        server._app.Run(server.HandleAsync);
        await server._app.StartAsync(cancellationToken);
        return server;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static byte[] Content(string file) => TinyModel.Files[file].ToArray();

    private async Task HandleAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        Requests.Enqueue($"{context.Request.Method} {path} {context.Request.Headers.Range}");
        var file = path[(path.LastIndexOf('/') + 1)..];
        if (path.StartsWith("/api/models/org/name/revision/", StringComparison.Ordinal))
        {
            var siblings = string.Join(',', TinyModel.Files.Keys.Append("model.safetensors").Select(name => $$"""{"rfilename":"{{name}}"}"""));
            await context.Response.WriteAsync(Listing ?? $$"""{"sha":"{{Commit}}","siblings":[{{siblings}}]}""");
        }
        else if (path.StartsWith("/org/name/resolve/", StringComparison.Ordinal) && file == Large)
        {
            context.Response.Headers["X-Linked-Etag"] = $"\"{Convert.ToHexStringLower(SHA256.HashData(Content(Large)))}\"";
            context.Response.Redirect("/storage/" + file);
        }
        else if (TinyModel.Files.ContainsKey(file))
        {
            await SendAsync(context, file);
        }
        else
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
        }
    }

    private async Task SendAsync(HttpContext context, string file)
    {
        var content = Content(file);
        var start = context.Request.GetTypedHeaders().Range?.Ranges.Single().From is { } from ? (int)from : 0;
        context.Response.Headers.ETag = $"\"{Convert.ToHexStringLower(SHA256.HashData(content))}\"";
        context.Response.StatusCode = start > 0 ? StatusCodes.Status206PartialContent : StatusCodes.Status200OK;
        context.Response.ContentLength = content.Length - start;
        if (HttpMethods.IsHead(context.Request.Method))
        {
            return;
        }

        if (file == Large && BreakAfter > 0 && Interlocked.Increment(ref _largeTransfers) == 1)
        {
            await context.Response.Body.WriteAsync(content.AsMemory(start, BreakAfter));
            await context.Response.Body.FlushAsync();
            if (StandsStill)
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted);
            }

            // The response ends before its Content-Length, so Kestrel sends the available bytes and closes the connection.
            return;
        }

        await context.Response.Body.WriteAsync(content.AsMemory(start));
    }
}
