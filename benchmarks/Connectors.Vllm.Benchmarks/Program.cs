using Connectors.Vllm.Benchmarks;
using Connectors.Vllm.Benchmarks.Parse;
using Connectors.Vllm.Benchmarks.Prompt;
using Connectors.Vllm.Benchmarks.Soak;
using Connectors.Vllm.Benchmarks.Start;
using Connectors.Vllm.Benchmarks.Stream;
using Connectors.Vllm.Benchmarks.Template;
using Connectors.Vllm.Benchmarks.Tokenize;

// One program, one subcommand per thing measured; each prints one JSON object per measured case on stdout, progress on stderr.
// A new subcommand is one class behind IBenchmark and one line here.
IBenchmark[] benchmarks =
[
    new TokenizeBenchmark(),
    new StreamBenchmark(),
    new PromptBenchmark(),
    new StartBenchmark(),
    new SoakBenchmark(),
    new FailoverBenchmark(),
    new StreamServer(),
    new TemplateBenchmark(),
    new ParseBenchmark(),
];

if (args.Length == 0 || benchmarks.FirstOrDefault(candidate => candidate.Name == args[0]) is not { } benchmark)
{
    Console.Error.WriteLine("usage: Connectors.Vllm.Benchmarks SUBCOMMAND [options]");
    foreach (var candidate in benchmarks)
    {
        Console.Error.WriteLine($"  {candidate.Name,-10} {candidate.Summary}");
    }

    return 2;
}

return await benchmark.RunAsync(new BenchmarkArguments(args.AsSpan(1)));
