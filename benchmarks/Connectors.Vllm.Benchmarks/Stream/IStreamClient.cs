namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>A contestant: asks once, and reads the answer to its end.</summary>
internal interface IStreamClient : IAsyncDisposable
{
    string Name { get; }

    /// <summary>Reads one answer; <paramref name="arrivals"/>, if given, takes the timestamp of each message. Returns the characters of text received.</summary>
    Task<int> ReadAsync(List<long>? arrivals);
}
