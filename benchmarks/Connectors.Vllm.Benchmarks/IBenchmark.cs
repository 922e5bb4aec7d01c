namespace Connectors.Vllm.Benchmarks;

/// <summary>One subcommand of the benchmark program.</summary>
internal interface IBenchmark
{
    /// <summary>The subcommand's name.</summary>
    string Name { get; }

    /// <summary>One line for the usage text: what is measured, with its options.</summary>
    string Summary { get; }

    /// <summary>Measures, and prints one JSON object per case on stdout; returns the exit code.</summary>
    Task<int> RunAsync(BenchmarkArguments arguments);
}
