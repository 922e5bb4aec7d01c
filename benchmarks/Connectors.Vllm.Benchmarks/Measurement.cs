using System.Diagnostics;

namespace Connectors.Vllm.Benchmarks;

/// <summary>What one run cost this process: CPU, wall time and bytes allocated.</summary>
/// <param name="Cpu">User and system time of the whole process.</param>
/// <param name="Wall">Elapsed time.</param>
/// <param name="Allocated">Bytes allocated on the managed heap.</param>
internal readonly record struct Measurement(TimeSpan Cpu, TimeSpan Wall, long Allocated)
{
    public static async Task<Measurement> OfAsync(Func<Task> run)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        // Environment.CpuUsage counts microseconds; Process.TotalProcessorTime counts ticks of 10 ms on Linux, as long as a whole run may take.
        var cpu = Environment.CpuUsage.TotalTime;
        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        var start = Stopwatch.GetTimestamp();
        await run();
        var wall = Stopwatch.GetElapsedTime(start);
        return new Measurement(Environment.CpuUsage.TotalTime - cpu, wall, GC.GetTotalAllocatedBytes(precise: true) - allocated);
    }

    /// <summary>The middle of an odd number of runs, by <paramref name="key"/>.</summary>
    public static double Median(IEnumerable<Measurement> runs, Func<Measurement, double> key)
    {
        var sorted = runs.Select(key).Order().ToList();
        return sorted[sorted.Count / 2];
    }
}
