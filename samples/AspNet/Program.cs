// A web application that streams answers as server-sent events:
//   dotnet run --project samples/AspNet -- --urls http://localhost:5080 --Vllm:Endpoint http://gpu-box:50051
//   curl -N "http://localhost:5080/chat?prompt=Why+is+the+sky+blue"
using Connectors.Vllm;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

var builder = WebApplication.CreateBuilder(args);

// Without an address the sample runs against an embedded test server.
await using var server = builder.Configuration["Vllm:Endpoint"] is null ? await VllmTestServer.StartAsync() : null;
if (server is not null)
{
    builder.Configuration["Vllm:Endpoint"] = server.Endpoint.ToString();
}

builder.Services.AddVllmGrpc(builder.Configuration.GetSection("Vllm")).UseLogging();
builder.Services.AddHealthChecks().AddVllmGrpc();

var app = builder.Build();
app.MapHealthChecks("/health");

// Closing the browser tab cancels the token, and that aborts the request on the vLLM server.
app.MapGet("/chat", (string prompt, IChatClient client, CancellationToken cancellationToken) =>
    TypedResults.ServerSentEvents(TextsAsync(client.GetStreamingResponseAsync(prompt, cancellationToken: cancellationToken))));
app.MapGet("/tokens", async (string text, IVllmTokenCounter counter, CancellationToken cancellationToken) =>
    await counter.CountTokensAsync(text, cancellationToken));
await app.RunAsync();

static async IAsyncEnumerable<string> TextsAsync(IAsyncEnumerable<ChatResponseUpdate> updates)
{
    await foreach (var update in updates)
    {
        if (update.Text.Length > 0)
        {
            yield return update.Text;
        }
    }
}
