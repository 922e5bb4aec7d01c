using System.Diagnostics;

namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>
/// <c>stream</c>: what a streamed token costs the client's process, beside the OpenAI .NET client (server-sent events) and beside a bare HTTP/2 and
/// protobuf read loop, in one run against one server process.
/// </summary>
internal sealed class StreamBenchmark : IBenchmark
{
    public string Name => "stream";

    public string Summary => "[--model-dir DIR] [--parallel N --shape text|thinking|tool --tokens-per-message N --tokens N] [--runs N] [--paced] [--tiny]: CPU, wall and bytes per token";

    public async Task<int> RunAsync(BenchmarkArguments arguments)
    {
        var modelDirectory = BenchmarkModel.Directory(arguments);
        var runs = arguments.Number("runs", arguments.Flag("tiny") ? 1 : 5);

        // The first case also pays for the code that all of them share.
        var warmUp = arguments.Flag("tiny") ? TimeSpan.Zero : TimeSpan.FromSeconds(10);
        foreach (var @case in Cases(arguments))
        {
            await MeasureAsync(@case, modelDirectory, runs, warmUp);
            warmUp = arguments.Flag("tiny") ? TimeSpan.Zero : TimeSpan.FromSeconds(2);
        }

        if (arguments.Flag("paced") || arguments.Text("parallel") is null)
        {
            await PaceAsync(arguments.Flag("tiny"), modelDirectory);
        }

        return 0;
    }

    private static IEnumerable<StreamCase> Cases(BenchmarkArguments arguments)
    {
        if (arguments.Text("parallel") is not null)
        {
            return [new StreamCase(
                Enum.Parse<StreamShape>(arguments.Text("shape") ?? "text", ignoreCase: true),
                arguments.Number("parallel", 32),
                arguments.Number("tokens-per-message", 1),
                arguments.Number("tokens", 1024),
                Rate: 0)];
        }

        if (arguments.Flag("tiny"))
        {
            return [new StreamCase(StreamShape.Text, 2, 1, 64, 0), new StreamCase(StreamShape.Thinking, 2, 8, 64, 0), new StreamCase(StreamShape.Tool, 2, 1, 64, 0)];
        }

        // What a token costs must not depend on how many there are.
        StreamCase[] lengths =
        [
            new(StreamShape.Text, Parallel: 32, TokensPerMessage: 1, Tokens: 100, Rate: 0),
            new(StreamShape.Text, Parallel: 32, TokensPerMessage: 1, Tokens: 10_000, Rate: 0),
            new(StreamShape.Text, Parallel: 4, TokensPerMessage: 1, Tokens: 100_000, Rate: 0),
        ];
        return (from shape in Enum.GetValues<StreamShape>()
                from tokensPerMessage in (int[])[1, 8]
                from parallel in (int[])[1, 32, 256]
                where shape == StreamShape.Text || parallel == 32
                select new StreamCase(shape, parallel, tokensPerMessage, Tokens: parallel == 1 ? 8192 : parallel == 32 ? 1024 : 256, Rate: 0)).Concat(lengths);
    }

    private static async Task MeasureAsync(StreamCase @case, string modelDirectory, int runs, TimeSpan warmUp)
    {
        Console.Error.WriteLine($"stream: {@case}");
        using var server = await StreamServerProcess.StartAsync(modelDirectory, @case);
        await using var clients = new Contestants(server, modelDirectory, @case);
        Dictionary<string, List<Measurement>> measured = [];
        foreach (var client in clients.All)
        {
            // The runtime compiles hot code again in the background: a contestant is warm after seconds, not after runs.
            var started = Stopwatch.GetTimestamp();
            do
            {
                await RunAsync(client, @case);
            }
            while (Stopwatch.GetElapsedTime(started) < warmUp);

            measured.Add(client.Name, []);
        }

        // Round robin, so that a slow minute of the machine meets every contestant.
        for (var run = 0; run < runs; run++)
        {
            foreach (var client in clients.All)
            {
                measured[client.Name].Add(await Measurement.OfAsync(() => RunAsync(client, @case)));
            }
        }

        double tokens = @case.Parallel * @case.Tokens;
        var openai = Measurement.Median(measured["openai"], run => run.Cpu.TotalMicroseconds / tokens);
        var floor = Measurement.Median(measured["floor"], run => run.Cpu.TotalMicroseconds / tokens);
        foreach (var (name, results) in measured)
        {
            var cpu = Measurement.Median(results, run => run.Cpu.TotalMicroseconds / tokens);
            JsonReport.Print(
                ("benchmark", "stream"),
                ("client", name),
                ("shape", @case.Shape.ToString().ToLowerInvariant()),
                ("parallel", @case.Parallel),
                ("tokens_per_message", @case.TokensPerMessage),
                ("tokens_per_stream", @case.Tokens),
                ("cpu_us_per_token", cpu),
                ("wall_us_per_token", Measurement.Median(results, run => run.Wall.TotalMicroseconds / tokens)),
                ("alloc_bytes_per_token", Measurement.Median(results, run => run.Allocated / tokens)),
                ("ratio_to_openai", openai / cpu),
                ("cpu_us_over_floor", cpu - floor));
        }
    }

    private static Task RunAsync(IStreamClient client, StreamCase @case) =>
        Task.WhenAll(Enumerable.Range(0, @case.Parallel).Select(_ => Task.Run(async () =>
        {
            if (await client.ReadAsync(arrivals: null) == 0)
            {
                throw new InvalidOperationException($"{client.Name} received nothing");
            }
        })));

    // Latency that a client adds at a pace a GPU would keep. Each token has its place in time; how late it comes, against the
    // stream's own earliest token, is what server timer, machine and client add together. The floor has all of that but the client.
    private static async Task PaceAsync(bool tiny, string modelDirectory)
    {
        StreamCase @case = new(StreamShape.Text, Parallel: tiny ? 4 : 256, TokensPerMessage: 1, Tokens: tiny ? 20 : 250, Rate: 50);
        Console.Error.WriteLine($"stream, paced: {@case}");
        using var server = await StreamServerProcess.StartAsync(modelDirectory, @case);
        await using var clients = new Contestants(server, modelDirectory, @case);
        Dictionary<string, (double P50, double P99)> late = [];
        foreach (var client in clients.All.Reverse())
        {
            await client.ReadAsync(arrivals: null);
            var arrivals = await Task.WhenAll(Enumerable.Range(0, @case.Parallel).Select(_ => Task.Run(async () =>
            {
                List<long> times = new(@case.Tokens + 16);
                await client.ReadAsync(times);
                return times;
            })));
            var lateness = arrivals.SelectMany(times => Lateness(times, @case)).Order().ToList();
            late[client.Name] = (lateness[lateness.Count / 2], lateness[lateness.Count * 99 / 100]);
            JsonReport.Print(
                ("benchmark", "stream_paced"),
                ("client", client.Name),
                ("parallel", @case.Parallel),
                ("tokens_per_second_per_stream", @case.Rate),
                ("late_ms_p50", late[client.Name].P50),
                ("late_ms_p99", late[client.Name].P99),
                ("added_ms_p50", late[client.Name].P50 - late["floor"].P50),
                ("added_ms_p99", late[client.Name].P99 - late["floor"].P99));
        }
    }

    private static IEnumerable<double> Lateness(List<long> times, StreamCase @case)
    {
        var step = 1000.0 * @case.TokensPerMessage / @case.Rate;
        var offsets = times.Take(@case.Tokens / @case.TokensPerMessage).Select((time, i) => (time * 1000.0 / Stopwatch.Frequency) - (i * step)).ToList();
        var earliest = offsets.Min();
        return offsets.Select(offset => offset - earliest);
    }

    private sealed class Contestants(StreamServerProcess server, string modelDirectory, StreamCase @case) : IAsyncDisposable
    {
        public IReadOnlyList<IStreamClient> All { get; } =
        [
            new ConnectorStreamClient(server.Grpc, modelDirectory, @case),
            new OpenAIStreamClient(server.OpenAI, @case),
            new FloorStreamClient(server.Grpc, @case),
        ];

        public async ValueTask DisposeAsync()
        {
            foreach (var client in All)
            {
                await client.DisposeAsync();
            }
        }
    }
}
