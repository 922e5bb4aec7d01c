using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>
/// Chat completions over HTTP as an OpenAI-style server (vLLM's own, for one) answers them, whole and as server-sent events: a call of get_weather
/// until there is a result, JSON when a schema is asked for, then the result as text.
/// </summary>
internal sealed class OpenAIServer : IAsyncDisposable
{
    private const string Head = "\"id\":\"chatcmpl-1\",\"created\":1790000000,\"model\":\"rival\"";
    private const string Usage = "\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":5,\"total_tokens\":25}";

    private readonly WebApplication _app;

    private OpenAIServer(WebApplication app) => _app = app;

    public Uri Endpoint => new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First() + "/v1");

    public static async Task<OpenAIServer> StartAsync(CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        app.MapPost("/v1/chat/completions", AnswerAsync);
        await app.StartAsync(cancellationToken);
        return new OpenAIServer(app);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static async Task AnswerAsync(HttpContext context)
    {
        using var request = await JsonDocument.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted);
        var root = request.RootElement;
        List<JsonElement> results =
            [.. root.GetProperty("messages").EnumerateArray().Where(message => message.GetProperty("role").GetString() == "tool")];
        var text = results.Count > 0 ? "It says: " + Text(results[^1].GetProperty("content"))
            : root.TryGetProperty("response_format", out _) ? SwapTests.CityJson
            : root.TryGetProperty("tools", out _) ? null
            : "Hello.";
        var streams = root.TryGetProperty("stream", out var stream) && stream.GetBoolean();
        context.Response.ContentType = streams ? "text/event-stream" : "application/json";
        if (!streams)
        {
            var message = text is null ? $"\"content\":null,\"tool_calls\":[{Call(SwapTests.Arguments)}]" : $"\"content\":{Quoted(text)}";
            await context.Response.WriteAsync(
                $"{{{Head},\"object\":\"chat.completion\",\"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",{message}}},\"finish_reas"
                    + $"on\":\"{Reason(text)}\"}}],{Usage}}}", context.RequestAborted);
            return;
        }

        await SendAsync(context, "{\"role\":\"assistant\",\"content\":\"\"}", null);
        if (text is null)
        {
            await SendAsync(context, $"{{\"tool_calls\":[{Call("")}]}}", null);
            foreach (var piece in SwapTests.Arguments.Chunk(5))
            {
                await SendAsync(context, $"{{\"tool_calls\":[{{\"index\":0,\"function\":{{\"arguments\":{Quoted(new string(piece))}}}}}]}}", null);
            }
        }
        else
        {
            foreach (var piece in text.Chunk(4))
            {
                await SendAsync(context, $"{{\"content\":{Quoted(new string(piece))}}}", null);
            }
        }

        await SendAsync(context, "{}", Reason(text));
        await context.Response.WriteAsync(
            $"data: {{{Head},\"object\":\"chat.completion.chunk\",\"choices\":[],{Usage}}}\n\ndata: [DONE]\n\n", context.RequestAborted);
    }

    private static Task SendAsync(HttpContext context, string delta, string? reason) => context.Response.WriteAsync(
        $"data: {{{Head},\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{(reason is null ? "null" : Quoted(reason))}}}]}}\n\n", context.RequestAborted);

    private static string Call(string arguments) =>
        $"{{\"index\":0,\"id\":\"call-1\",\"type\":\"function\",\"function\":{{\"name\":\"get_weather\",\"arguments\":{Quoted(arguments)}}}}}";

    private static string Reason(string? text) => text is null ? "tool_calls" : "stop";

    /// <summary>A result's text; this client writes results that are JSON strings with their quotes.</summary>
    private static string Text(JsonElement content) =>
        (content.ValueKind == JsonValueKind.String
            ? content.GetString()!
            : string.Concat(content.EnumerateArray().Select(part => part.GetProperty("text").GetString()))).Trim('"');

    private static string Quoted(string text) => JsonSerializer.Serialize(text);
}
