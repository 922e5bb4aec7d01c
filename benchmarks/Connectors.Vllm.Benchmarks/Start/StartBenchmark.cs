using System.Diagnostics;
using Connectors.Vllm.Benchmarks.Stream;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Benchmarks.Start;

/// <summary>
/// <c>start</c>: from process start to the first streamed text of samples/Chat, tokenizer load included, and what a loaded tokenizer keeps in memory.
/// </summary>
internal sealed class StartBenchmark : IBenchmark
{
    public string Name => "start";

    public string Summary => "--chat PATH[,PATH] (chat.dll or a published chat) [--model-dir DIR] [--runs N]: process start to first token, memory at rest";

    public async Task<int> RunAsync(BenchmarkArguments arguments)
    {
        var modelDirectory = BenchmarkModel.Directory(arguments);
        var runs = arguments.Number("runs", 5);
        using var server = await StreamServerProcess.StartAsync(modelDirectory, new StreamCase(StreamShape.Text, 1, 1, 16, 0));
        foreach (var chat in arguments.Required("chat").Split(','))
        {
            List<double> times = [];
            for (var run = 0; run <= runs; run++)
            {
                times.Add(await FirstTextAsync(chat, server.Grpc, modelDirectory));
            }

            // The first run warms the file cache.
            var sorted = times.Skip(1).Order().ToList();
            JsonReport.Print(
                ("benchmark", "start"),
                ("program", Path.GetFileName(chat)),
                ("kind", chat.EndsWith(".dll", StringComparison.Ordinal) ? "jit" : "single_file"),
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

    private static void MeasureMemory(string modelDirectory)
    {
        // Once before, so that one-off statics are not counted.
        GC.KeepAlive(Tokenizer.FromDirectory(modelDirectory));
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var began = Stopwatch.GetTimestamp();
        var tokenizer = Tokenizer.FromDirectory(modelDirectory);
        var elapsed = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        var kept = GC.GetTotalMemory(forceFullCollection: true) - before;
        GC.KeepAlive(tokenizer);
        JsonReport.Print(("benchmark", "start_memory"), ("tokenizer_load_ms", elapsed), ("tokenizer_bytes_kept", kept));
    }
}
