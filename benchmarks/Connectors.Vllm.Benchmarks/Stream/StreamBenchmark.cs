using System.Diagnostics;

namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>
/// <c>stream</c>: what a streamed token costs the client's process, beside the OpenAI .NET client (server-sent events), a plain Grpc.Net.Client stub
/// and a bare HTTP/2 and protobuf read loop, in one run against one server process.
/// </summary>
internal sealed class StreamBenchmark : IBenchmark
{
    // A run this long takes a tenth of a second at the least, which the processor clock tells apart from noise.
    private const int TokensPerRun = 400_000;

    public string Name => "stream";

    public string Summary =>
        "[--model-dir DIR] [--parallel N --shape text|thinking|tool --tokens-per-message N --tokens N] [--rate N] [--runs N] [--paced] [--tiny]: CPU, "
            + "wall and bytes per token; --profile CLIENT --seconds S runs one client alone, for a profiler";

    public async Task<int> RunAsync(BenchmarkArguments arguments)
    {
        var modelDirectory = BenchmarkModel.Directory(arguments);
        var tiny = arguments.Flag("tiny");
        if (arguments.Text("profile") is { } name)
        {
            await ProfileAsync(name, Cases(arguments).First(), modelDirectory, TimeSpan.FromSeconds(arguments.Number("seconds", 20)));
            return 0;
        }

        if (!arguments.Flag("paced"))
        {
            var runs = arguments.Number("runs", tiny ? 1 : 5);
            foreach (var @case in Cases(arguments))
            {
                await MeasureAsync(@case, modelDirectory, runs, tiny);
            }
        }

        if (arguments.Text("parallel") is null)
        {
            await new PacedStreams(modelDirectory, tiny).MeasureAsync();
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
                arguments.Number("rate", 0))];
        }

        if (arguments.Flag("tiny"))
        {
            return [new StreamCase(StreamShape.Text, 2, 1, 64, 0), new StreamCase(StreamShape.Thinking, 2, 8, 64, 0),
                new StreamCase(StreamShape.Tool, 2, 1, 64, 0)];
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
                select new StreamCase(shape, parallel, tokensPerMessage, Tokens: parallel == 1 ? 8192 : parallel == 32 ? 1024 : 256, Rate: 0)).Concat(
                    lengths);
    }

    private static async Task MeasureAsync(StreamCase @case, string modelDirectory, int runs, bool tiny)
    {
        Console.Error.WriteLine($"stream: {@case}");
        using var server = await StreamServerProcess.StartAsync(modelDirectory, @case);
        await using StreamContestants contestants = new(server, modelDirectory, @case);
        var rounds = tiny ? 1 : Math.Max(1, TokensPerRun / (@case.Parallel * @case.Tokens));
        foreach (var client in contestants.All)
        {
            await (tiny ? RunAsync(client, @case, rounds: 1) : WarmUp.RunAsync(() => RunAsync(client, @case, rounds: 1)));
        }

        // Round robin, so that a slow minute of the machine meets every contestant.
        var measured = contestants.All.ToDictionary(client => client.Name, _ => new List<Measurement>());
        for (var run = 0; run < runs; run++)
        {
            foreach (var client in contestants.All)
            {
                measured[client.Name].Add(await Measurement.OfAsync(() => RunAsync(client, @case, rounds)));
            }
        }

        var tokens = (double)rounds * @case.Parallel * @case.Tokens;
        double Cpu(string client) => Measurement.Median(measured[client], run => run.Cpu.TotalMicroseconds / tokens);
        foreach (var (name, results) in measured)
        {
            JsonReport.Print(
                ("benchmark", "stream"),
                ("client", name),
                ("shape", @case.Shape.ToString().ToLowerInvariant()),
                ("parallel", @case.Parallel),
                ("tokens_per_message", @case.TokensPerMessage),
                ("tokens_per_stream", @case.Tokens),
                ("cpu_us_per_token", Cpu(name)),
                ("wall_us_per_token", Measurement.Median(results, run => run.Wall.TotalMicroseconds / tokens)),
                ("alloc_bytes_per_token", Measurement.Median(results, run => run.Allocated / tokens)),
                ("ratio_to_openai", Cpu(OpenAIStreamClient.ClientName) / Cpu(name)),
                ("cpu_us_over_floor", Cpu(name) - Cpu(FloorStreamClient.ClientName)));
        }
    }

    /// <summary>One client for a while, so that a profiler sees nobody else.</summary>
    private static async Task ProfileAsync(string name, StreamCase @case, string modelDirectory, TimeSpan duration)
    {
        using var server = await StreamServerProcess.StartAsync(modelDirectory, @case);
        await using StreamContestants contestants = new(server, modelDirectory, @case);
        var client = contestants.All.FirstOrDefault(client => client.Name == name)
            ?? throw new ArgumentException($"there is no client '{name}': {string.Join(", ", contestants.All.Select(client => client.Name))}");
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed < duration)
        {
            await RunAsync(client, @case, rounds: 1);
        }
    }

    private static async Task RunAsync(IStreamClient client, StreamCase @case, int rounds)
    {
        for (var round = 0; round < rounds; round++)
        {
            await Task.WhenAll(Enumerable.Range(1, @case.Parallel).Select(number => Task.Run(async () =>
            {
                if (await client.ReadAsync(number, arrivals: null) == 0)
                {
                    throw new InvalidOperationException($"{client.Name} received nothing");
                }
            })));
        }
    }
}
