using System.Diagnostics;
using System.Globalization;

namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>The scripted server in its own process, so that its CPU and allocations are not the client's.</summary>
internal sealed class StreamServerProcess : IDisposable
{
    private readonly Process _process;
    private readonly HttpClient _http = new();

    private StreamServerProcess(Process process, int grpcPort, int httpPort)
    {
        _process = process;
        Grpc = new Uri($"http://127.0.0.1:{grpcPort}");
        OpenAI = new Uri($"http://127.0.0.1:{httpPort}/v1");
    }

    public Uri Grpc { get; }

    public Uri OpenAI { get; }

    public static async Task<StreamServerProcess> StartAsync(string modelDirectory, StreamCase @case)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(StreamServerProcess).Assembly.Location);
        }

        foreach (var argument in (string[])[
            "stream-server", "--model-dir", modelDirectory, "--shape", @case.Shape.ToString(), "--tokens", Text(@case.Tokens),
            "--tokens-per-message", Text(@case.TokensPerMessage), "--rate", Text(@case.Rate)])
        {
            start.ArgumentList.Add(argument);
        }

        var process = Process.Start(start)!;
        var ports = (await process.StandardOutput.ReadLineAsync())?.Split(' ').Select(port => int.Parse(port, CultureInfo.InvariantCulture)).ToArray()
            ?? throw new InvalidOperationException("the benchmark server did not start");
        return new StreamServerProcess(process, ports[0], ports[1]);
    }

    /// <summary>When the server had the request of a stream, and when it sent each message of its answer, in <see cref="Stopwatch"/> ticks.</summary>
    public async Task<(long Arrived, long[] Sent)> TimesAsync(int number)
    {
        var line = await _http.GetStringAsync(new Uri(OpenAI, $"/times/{Text(number)}"));
        var times = line.Split(' ').Select(time => long.Parse(time, CultureInfo.InvariantCulture)).ToArray();
        return (times[0], times[1..]);
    }

    public void Dispose()
    {
        _http.Dispose();
        _process.StandardInput.Close();
        _process.WaitForExit(5000);
        _process.Dispose();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
