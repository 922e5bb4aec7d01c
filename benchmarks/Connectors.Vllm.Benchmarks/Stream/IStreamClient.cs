namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>A contestant: asks once, and reads the answer to its end.</summary>
internal interface IStreamClient : IAsyncDisposable
{
    string Name { get; }

    /// <summary>
    /// Reads one answer. The server writes down when it sent the messages of stream <paramref name="number"/>; <paramref name="arrivals"/>, if given,
    /// takes the timestamp at which each of them reached the caller. Returns the characters (or ids) received.
    /// </summary>
    Task<int> ReadAsync(int number, List<long>? arrivals);
}
