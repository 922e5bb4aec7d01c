using System.Diagnostics;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>Ours: the chat client, with template, tokenizer, decoder and parsers.</summary>
internal sealed class ConnectorStreamClient : IStreamClient
{
    private readonly ServiceProvider _services;
    private readonly IChatClient _client;
    private readonly StreamCase _case;

    public ConnectorStreamClient(Uri endpoint, string modelDirectory, StreamCase @case)
    {
        _case = @case;
        var collection = new ServiceCollection();
        collection.AddVllmGrpc(options =>
        {
            options.Endpoints.Add(endpoint);
            options.ModelDirectory = modelDirectory;
        });
        _services = collection.BuildServiceProvider();
        _client = _services.GetRequiredService<IChatClient>();
    }

    public string Name => "connector";

    public async Task<int> ReadAsync(int number, List<long>? arrivals)
    {
        var characters = 0;
        await foreach (var update in _client.GetStreamingResponseAsync(StreamQuestion.Text(number), StreamQuestion.Options(_case)))
        {
            arrivals?.Add(Stopwatch.GetTimestamp());
            foreach (var content in update.Contents)
            {
                characters += content switch
                {
                    TextContent text => text.Text.Length,
                    TextReasoningContent reasoning => reasoning.Text.Length,
                    FunctionCallContent call => call.Name.Length,
                    _ => 0,
                };
            }
        }

        return characters;
    }

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
