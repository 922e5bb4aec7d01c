namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>All clients of one case, ours first and the floor last.</summary>
internal sealed class StreamContestants(StreamServerProcess server, string modelDirectory, StreamCase @case) : IAsyncDisposable
{
    public IReadOnlyList<IStreamClient> All { get; } =
    [
        new ConnectorStreamClient(server.Grpc, modelDirectory, @case),
        new OpenAIStreamClient(server.OpenAI, @case),
        new GrpcNetStreamClient(server.Grpc, @case),
        new FloorStreamClient(server.Grpc, @case),
    ];

    public async ValueTask DisposeAsync()
    {
        foreach (var client in All)
        {
            await client.DisposeAsync();
        }
    }
}
