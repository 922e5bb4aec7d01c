using System.ClientModel;
using System.ClientModel.Primitives;
using System.Diagnostics;
using OpenAI;
using OpenAI.Chat;

namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>The rival: the OpenAI .NET client, chat completions over server-sent events.</summary>
internal sealed class OpenAIStreamClient : IStreamClient
{
    public const string ClientName = "openai";

    private readonly HttpClient _http;
    private readonly ChatClient _client;
    private readonly StreamCase _case;

    public OpenAIStreamClient(Uri endpoint, StreamCase @case)
    {
        _case = @case;
        _http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 1024 }) { Timeout = Timeout.InfiniteTimeSpan };
        _client = new ChatClient(
            "bench",
            new ApiKeyCredential("none"),
            new OpenAIClientOptions { Endpoint = endpoint, Transport = new HttpClientPipelineTransport(_http) });
    }

    public string Name => ClientName;

    public async Task<int> ReadAsync(int number, List<long>? arrivals)
    {
        var characters = 0;
        ChatCompletionOptions options = new() { MaxOutputTokenCount = _case.Tokens + 64, Temperature = 0 };
        await foreach (var update in _client.CompleteChatStreamingAsync([new UserChatMessage(StreamQuestion.Text(number))], options))
        {
            arrivals?.Add(Stopwatch.GetTimestamp());
            foreach (var part in update.ContentUpdate)
            {
                characters += part.Text.Length;
            }

            foreach (var call in update.ToolCallUpdates)
            {
                characters += call.FunctionArgumentsUpdate?.ToMemory().Length ?? 0;
            }
        }

        return characters;
    }

    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        return ValueTask.CompletedTask;
    }
}
