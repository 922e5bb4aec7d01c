using System.Net;
using System.Security.Cryptography;
using Connectors.Vllm.Tool.Connections;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Tool.Playground;

/// <summary>
/// The page and its three calls, on the loopback address. Other pages in the same browser must not drive it: calls need a key that only our page
/// holds, and a Host header that names this machine (so no name of somebody else's can be pointed here).
/// </summary>
internal sealed class PlaygroundServer : IAsyncDisposable
{
    /// <summary>The header that carries the page's key.</summary>
    public const string KeyHeader = "X-Playground-Key";

    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
            + "frame-ancestors 'none'";

    private readonly WebApplication _application;
    private readonly string _key = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    private PlaygroundServer(WebApplication application) => _application = application;

    /// <summary>Where the page is.</summary>
    public Uri Address { get; private set; } = new("http://localhost/");

    public static async Task<PlaygroundServer> StartAsync(Connection connection, int port, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.Listen(IPAddress.Loopback, port);
            options.Limits.MaxRequestBodySize = 64 << 20;
        });
        var server = new PlaygroundServer(builder.Build());
        server.Map(new PlaygroundCalls(connection));
        await server._application.StartAsync(cancellationToken).ConfigureAwait(false);
        var address = server._application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        server.Address = new Uri(address);
        return server;
    }

    public Task WaitAsync(CancellationToken cancellationToken) => _application.WaitForShutdownAsync(cancellationToken);

    public ValueTask DisposeAsync() => _application.DisposeAsync();

    private void Map(PlaygroundCalls calls)
    {
        _application.Use(GuardAsync);
        _application.MapGet("/", context => SendFileAsync(context, "index.html", "text/html; charset=utf-8"));
        _application.MapGet("/playground.js", context => SendFileAsync(context, "playground.js", "text/javascript; charset=utf-8"));
        _application.MapGet("/playground.css", context => SendFileAsync(context, "playground.css", "text/css; charset=utf-8"));
        _application.MapGet("/api/model", calls.ModelAsync);
        _application.MapPost("/api/prompt", calls.PromptAsync);
        _application.MapPost("/api/chat", calls.ChatAsync);
    }

    private Task GuardAsync(HttpContext context, RequestDelegate next)
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
        var request = context.Request;
        var ours = request.Host.Host is "127.0.0.1" or "localhost"
            && (request.Headers.Origin is not [var origin] || origin == $"{request.Scheme}://{request.Host}");
        var mayCall = !request.Path.StartsWithSegments("/api", StringComparison.Ordinal) || KeyFits(request.Headers[KeyHeader]);
        if (ours && mayCall)
        {
            return next(context);
        }

        context.Response.StatusCode = StatusCodes.Status403Forbidden;
        return Task.CompletedTask;
    }

    private bool KeyFits(string? given) => given?.Length == _key.Length
        && CryptographicOperations.FixedTimeEquals(System.Text.Encoding.ASCII.GetBytes(given), System.Text.Encoding.ASCII.GetBytes(_key));

    private async Task SendFileAsync(HttpContext context, string name, string type)
    {
        await using var file = typeof(PlaygroundServer).Assembly.GetManifestResourceStream("playground/" + name)
            ?? throw new InvalidOperationException($"The page's file {name} is missing from the program.");
        using var reader = new StreamReader(file);
        var text = await reader.ReadToEndAsync(context.RequestAborted).ConfigureAwait(false);
        context.Response.ContentType = type;
        await context.Response.WriteAsync(text.Replace("{{key}}", _key, StringComparison.Ordinal), context.RequestAborted).ConfigureAwait(false);
    }
}
