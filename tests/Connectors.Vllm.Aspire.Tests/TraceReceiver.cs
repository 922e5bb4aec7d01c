using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Aspire.Tests;

/// <summary>Takes the traces that a service exports (OTLP over HTTP), as the dashboard does.</summary>
internal sealed class TraceReceiver : IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly ConcurrentQueue<Span> _spans = new();
    private readonly SemaphoreSlim _received = new(0);

    private TraceReceiver(WebApplication application) => _application = application;

    public string Endpoint => _application.Urls.Single();

    public static async Task<TraceReceiver> StartAsync(CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var receiver = new TraceReceiver(builder.Build());
        receiver._application.MapPost("/v1/traces", receiver.TakeAsync);
        receiver._application.MapFallback(static () => Results.Ok());
        await receiver._application.StartAsync(cancellationToken);
        return receiver;
    }

    /// <summary>Waits until a span was exported, and returns it with all that came so far.</summary>
    public async Task<(Span Span, IReadOnlyList<Span> All)> WaitForAsync(Func<Span, bool> predicate, CancellationToken cancellationToken)
    {
        while (_spans.FirstOrDefault(predicate) is not { } found)
        {
            await _received.WaitAsync(cancellationToken);
        }

        return (_spans.First(predicate), [.. _spans]);
    }

    public ValueTask DisposeAsync() => _application.DisposeAsync();

    private async Task<IResult> TakeAsync(HttpRequest request)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, request.HttpContext.RequestAborted);
        var export = TraceExport.Parser.ParseFrom(body.ToArray());
        foreach (var span in export.ResourceSpans.SelectMany(resource => resource.ScopeSpans).SelectMany(scope => scope.Spans))
        {
            _spans.Enqueue(span);
        }

        _received.Release();
        return Results.Bytes([], "application/x-protobuf");
    }
}
