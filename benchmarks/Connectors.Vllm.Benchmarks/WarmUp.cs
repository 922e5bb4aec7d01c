using System.Diagnostics;
using System.Runtime;

namespace Connectors.Vllm.Benchmarks;

/// <summary>
/// Runs until the JIT has nothing left to do: while it replaces methods by better ones, which takes seconds on few cores, the same code runs at a
/// third of its speed.
/// </summary>
internal static class WarmUp
{
    // On one core the runtime waits a second before it counts calls (TC_DelaySingleProcMultiplier), and again for the next tier.
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    public static async Task RunAsync(Func<Task> run)
    {
        var total = Stopwatch.StartNew();
        var quiet = Stopwatch.StartNew();
        var compiled = JitInfo.GetCompiledMethodCount();
        while (quiet.Elapsed < Quiet && total.Elapsed < Longest)
        {
            await run();
            if (JitInfo.GetCompiledMethodCount() is var now && now != compiled)
            {
                compiled = now;
                quiet.Restart();
            }
        }
    }

    public static void Run(Action action) => RunAsync(() =>
    {
        action();
        return Task.CompletedTask;
    }).GetAwaiter().GetResult();
}
