using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Generates several choices with a server that generates one per request: sends one request per choice concurrently and merges their updates as they
/// arrive. If the request has a seed, each choice gets the seed plus its index. The first failure ends all of them.
/// </summary>
internal static class ChoiceFanOut
{
    public static async IAsyncEnumerable<GenerationUpdate> RunAsync(
        GenerationRequest request,
        Func<GenerationRequest, CancellationToken, IAsyncEnumerable<GenerationUpdate>> run,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var channel = Channel.CreateBounded<GenerationUpdate>(new BoundedChannelOptions(64) { SingleReader = true });
        var count = request.Sampling.ChoiceCount ?? 1;
        var pumps = Enumerable.Range(0, count).Select(index => PumpAsync(CreatePart(request, index), index)).ToArray();
        var all = Task.WhenAll(pumps);
        _ = all.ContinueWith(
            done => channel.Writer.TryComplete(done.Exception?.InnerException),
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        try
        {
            await foreach (var update in channel.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                yield return update;
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await all.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        async Task PumpAsync(GenerationRequest part, int index)
        {
            try
            {
                await foreach (var update in run(part, stop.Token).ConfigureAwait(false))
                {
                    await channel.Writer.WriteAsync(update.With(index, update.Finish), stop.Token).ConfigureAwait(false);
                }
            }
            catch (Exception exception)
            {
                channel.Writer.TryComplete(exception);
                await stop.CancelAsync().ConfigureAwait(false);
                throw;
            }
        }
    }

    private static GenerationRequest CreatePart(GenerationRequest request, int index) => request with
    {
        RequestId = request.RequestId is { } id ? $"{id}-{index}" : null,
        PartOf = request.RequestId,
        Sampling = request.Sampling with
        {
            ChoiceCount = null,
            Seed = request.Sampling.Seed is { } seed ? unchecked(seed + index) : null,
        },
    };
}
