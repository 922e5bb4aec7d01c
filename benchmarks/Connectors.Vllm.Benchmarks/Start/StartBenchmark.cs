using System.Diagnostics;
using System.Runtime.CompilerServices;
using Connectors.Vllm.Benchmarks.Stream;

namespace Connectors.Vllm.Benchmarks.Start;

/// <summary>
/// <c>start</c>: from process start to the first streamed text of samples/Chat, tokenizer load included, and what a loaded model profile keeps in
/// memory.
/// </summary>
internal sealed class StartBenchmark : IBenchmark
{
    public string Name => "start";

    public string Summary =>
        "--chat [KIND=]PATH[,…] (chat.dll or a published chat) [--model-dir DIR] [--runs N]: process start to first token, memory at rest";

    public async Task<int> RunAsync(BenchmarkArguments arguments)
    {
        var modelDirectory = BenchmarkModel.Directory(arguments);
        var runs = arguments.Number("runs", 5);
        using var server = await StreamServerProcess.StartAsync(modelDirectory, new StreamCase(StreamShape.Text, 1, 1, 16, 0));
        foreach (var named in arguments.Required("chat").Split(','))
        {
            // "kind=path"; a path alone tells its kind by its name.
            var parts = named.Split('=', 2);
            var chat = parts[^1];
            var kind = parts.Length == 2 ? parts[0] : chat.EndsWith(".dll", StringComparison.Ordinal) ? "jit" : "published";
            List<double> times = [];
            for (var run = 0; run <= runs; run++)
            {
                times.Add(await FirstTextAsync(chat, server.Grpc, modelDirectory));
            }

            // The first run warms the file cache.
            var sorted = times.Skip(1).Order().ToList();
            JsonReport.Print(
                ("benchmark", "start"),
                ("kind", kind),
                ("program_mb", new FileInfo(chat).Length / 1e6),
                ("first_token_ms", sorted[sorted.Count / 2]),
                ("first_token_ms_fastest", sorted[0]));
        }

        MeasureMemory(modelDirectory);
        return 0;
    }

    private static async Task<double> FirstTextAsync(string chat, Uri endpoint, string modelDirectory)
    {
        ProcessStartInfo start = new(chat.EndsWith(".dll", StringComparison.Ordinal) ? "dotnet" : chat) { RedirectStandardOutput = true };
        if (start.FileName == "dotnet")
        {
            start.ArgumentList.Add(chat);
        }

        foreach (var argument in (string[])["--endpoint", endpoint.ToString(), "--model-dir", modelDirectory, "--prompt", "Hello"])
        {
            start.ArgumentList.Add(argument);
        }

        var began = Stopwatch.GetTimestamp();
        using var process = Process.Start(start)!;
        var one = new byte[1];
        var read = await process.StandardOutput.BaseStream.ReadAsync(one);
        var elapsed = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return read == 1 && process.ExitCode == 0 ? elapsed : throw new InvalidOperationException($"{chat} failed with exit code {process.ExitCode}");
    }

    // What one served model costs a process at rest: tokenizer, templates, formats.
    private static void MeasureMemory(string modelDirectory)
    {
        // Once before, and forgotten, so that one-off statics are not counted.
        Load(modelDirectory);
        foreach (var directory in BenchmarkModel.Siblings(modelDirectory))
        {
            var (milliseconds, bytes) = Load(directory);
            JsonReport.Print(("benchmark", "profile_memory"), ("model", BenchmarkModel.Name(directory)), ("profile_load_ms", milliseconds),
                ("profile_bytes_kept", bytes));
        }
    }

    // A method of its own that is never inlined: what it loads is garbage when it has returned.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (double Milliseconds, long Bytes) Load(string directory)
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var began = Stopwatch.GetTimestamp();
        var profile = VllmModelProfile.FromDirectoryAsync(directory).GetAwaiter().GetResult();
        var milliseconds = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        var bytes = GC.GetTotalMemory(forceFullCollection: true) - before;
        GC.KeepAlive(profile);
        return (milliseconds, bytes);
    }
}
