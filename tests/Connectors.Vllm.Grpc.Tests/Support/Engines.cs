namespace Connectors.Vllm.Grpc.Tests;

internal static class Engines
{
    /// <summary>Every wait in these tests ends here at the latest.</summary>
    public static readonly TimeSpan HangGuard = TimeSpan.FromSeconds(30);

    public static IVllmEngine Create(Uri endpoint, Action<VllmConnectionOptions>? configure = null)
    {
        var options = new VllmConnectionOptions { Retry = { MaxRetries = 0 } };
        options.Endpoints.Add(endpoint);
        configure?.Invoke(options);
        return VllmGrpcClient.CreateEngine(options);
    }

    public static async Task<List<GenerationUpdate>> CollectAsync(this IAsyncEnumerable<GenerationUpdate> updates)
    {
        var list = new List<GenerationUpdate>();
        await foreach (var update in updates.WithCancellation(new CancellationTokenSource(HangGuard).Token))
        {
            list.Add(update);
        }

        return list;
    }

    public static int[] Ids(this IEnumerable<GenerationUpdate> updates, int index = 0) =>
        [.. updates.Where(update => update.Index == index).SelectMany(update => update.TokenIds.ToArray())];

    public static GenerationFinish Finish(this IEnumerable<GenerationUpdate> updates, int index = 0) =>
        updates.Single(update => update.Index == index && update.Finish is not null).Finish!;
}
