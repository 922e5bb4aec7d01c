using System.Diagnostics;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Benchmarks.Soak;

/// <summary>
/// Measures what is alive, after full collections, at even intervals, and prints each measurement: a leak grows from one to the next, filled caches
/// and pools stay level. Every answer of the soak is new, so the segment cache of the server's tokenizer fills up to its capacity first; the size of
/// the caches is printed beside the rest.
/// </summary>
internal sealed class MemorySampler(VllmTokenizer client, VllmTokenizer server)
{
    private readonly List<long> _samples = [];

    public IReadOnlyList<long> Samples => _samples;

    public long Take(double seconds)
    {
        // Twice, with finalizers between: connections give their buffers back in them.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var alive = GC.GetTotalMemory(forceFullCollection: true);
        var heaps = GC.GetGCMemoryInfo(GCKind.FullBlocking).GenerationInfo;
        _samples.Add(alive);
        JsonReport.Print(
            ("benchmark", "soak-memory"),
            ("seconds", seconds),
            ("alive_bytes", alive),
            ("generation2_bytes", heaps[2].SizeAfterBytes),
            ("large_bytes", heaps[3].SizeAfterBytes),
            ("pinned_bytes", heaps[4].SizeAfterBytes),
            ("segment_cache_bytes", client.CacheStatistics.Bytes + server.CacheStatistics.Bytes),
            ("working_set_bytes", Environment.WorkingSet));
        return alive;
    }

    /// <summary>Takes samples until <paramref name="end"/>, the first after one interval.</summary>
    public async Task RunAsync(TimeSpan interval, CancellationToken end)
    {
        var start = Stopwatch.GetTimestamp();
        using PeriodicTimer timer = new(interval);
        try
        {
            while (await timer.WaitForNextTickAsync(end))
            {
                Take(Stopwatch.GetElapsedTime(start).TotalSeconds);
            }
        }
        catch (OperationCanceledException)
        {
        }
    }
}
