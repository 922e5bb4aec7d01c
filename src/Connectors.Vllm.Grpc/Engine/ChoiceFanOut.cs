using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Several choices from a server that makes one per request: as many requests side by side, their updates merged as they come. A seed gives
/// each choice its own, counted up. The first failure ends all.
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
        var pumps = Enumerable.Range(0, count).Select(index => PumpAsync(Part(request, index), index)).ToArray();
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

    private static GenerationRequest Part(GenerationRequest request, int index) => request with
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
