using System.Diagnostics;

namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>
/// Latency that a client adds at a pace a GPU would keep: 256 streams of 50 tokens a second. The server writes down when it sends each message, the
/// client when it has it; what the floor needs for the same way (kernel, wake-up, HTTP/2) is not the client's doing.
/// </summary>
internal sealed class PacedStreams(string modelDirectory, bool tiny)
{
    // The pace is the same in every run; more runs than one only catch a bad moment of the machine.
    private readonly int _runs = tiny ? 1 : 5;
    private readonly StreamCase _case = new(StreamShape.Text, Parallel: tiny ? 4 : 256, TokensPerMessage: 1, Tokens: tiny ? 20 : 250, Rate: 50);

    public async Task MeasureAsync()
    {
        Console.Error.WriteLine($"stream, paced: {_case}");
        await WarmUpAsync();
        using var server = await StreamServerProcess.StartAsync(modelDirectory, _case);
        await using StreamContestants contestants = new(server, modelDirectory, _case);
        var measured = contestants.All.ToDictionary(client => client.Name, _ => new List<PacedRun>());
        foreach (var client in contestants.All)
        {
            // Streams that wait for each token take other paths than streams that never do, and the runtime compiles those, too.
            await (tiny ? RunAsync(client, server) : WarmUp.RunAsync(() => RunAsync(client, server)));
        }

        for (var run = 0; run < _runs; run++)
        {
            foreach (var client in contestants.All)
            {
                measured[client.Name].Add(await RunAsync(client, server));
            }
        }

        double Middle(string client, Func<PacedRun, double> key) => measured[client].Select(key).Order().ElementAt(_runs / 2);
        foreach (var name in measured.Keys)
        {
            JsonReport.Print(
                ("benchmark", "stream_paced"),
                ("client", name),
                ("parallel", _case.Parallel),
                ("tokens_per_second_per_stream", _case.Rate),
                ("cpu_us_per_token", Middle(name, run => run.CpuMicroseconds)),
                ("transit_ms_p50", Middle(name, run => run.P50)),
                ("transit_ms_p99", Middle(name, run => run.P99)),
                ("added_ms_p50", Middle(name, run => run.P50) - Middle(FloorStreamClient.ClientName, run => run.P50)),
                ("added_ms_p99", Middle(name, run => run.P99) - Middle(FloorStreamClient.ClientName, run => run.P99)));
        }
    }

    // At a pace of few tokens the runtime would go on compiling all through the measured runs.
    private async Task WarmUpAsync()
    {
        var unpaced = _case with { Rate = 0 };
        using var server = await StreamServerProcess.StartAsync(modelDirectory, unpaced);
        await using StreamContestants contestants = new(server, modelDirectory, unpaced);
        foreach (var client in contestants.All)
        {
            await (tiny ? ReadAllAsync() : WarmUp.RunAsync(ReadAllAsync));

            Task ReadAllAsync() =>
                Task.WhenAll(Enumerable.Range(1, _case.Parallel).Select(number => Task.Run(() => client.ReadAsync(number, arrivals: null))));
        }
    }

    private async Task<PacedRun> RunAsync(IStreamClient client, StreamServerProcess server)
    {
        var arrivals = Enumerable.Range(0, _case.Parallel).Select(_ => new List<long>(_case.Tokens + 16)).ToArray();
        var cost = await Measurement.OfAsync(() => Task.WhenAll(arrivals.Select((times, i) => Task.Run(() => client.ReadAsync(i + 1, times)))));
        List<double> transits = [];
        for (var i = 0; i < arrivals.Length; i++)
        {
            var (_, sent) = await server.TimesAsync(i + 1);

            // The closing messages are not tokens, and clients show them in different ways.
            transits.AddRange(
                arrivals[i].Take(_case.Tokens - 1).Zip(sent, static (arrived, left) => Stopwatch.GetElapsedTime(left, arrived).TotalMilliseconds));
        }

        transits.Sort();
        return new PacedRun(
            cost.Cpu.TotalMicroseconds / (_case.Parallel * _case.Tokens), transits[transits.Count / 2], transits[transits.Count * 99 / 100]);
    }

    private readonly record struct PacedRun(double CpuMicroseconds, double P50, double P99);
}
