namespace Connectors.Vllm.Grpc;

/// <summary>
/// Waits for asynchronous work on the calling thread. The work starts on the thread pool, where no SynchronizationContext of the caller can be
/// captured, so a single-threaded context cannot deadlock.
/// </summary>
internal static class Blocking
{
    public static void Run(Func<Task> work) => Task.Run(work).GetAwaiter().GetResult();

    public static T Run<T>(Func<Task<T>> work) => Task.Run(work).GetAwaiter().GetResult();

    public static IEnumerable<T> Run<T>(IAsyncEnumerable<T> source, CancellationToken cancellationToken)
    {
        var enumerator = source.GetAsyncEnumerator(cancellationToken);
        try
        {
            while (Run(() => enumerator.MoveNextAsync().AsTask()))
            {
                yield return enumerator.Current;
            }
        }
        finally
        {
            Run(() => enumerator.DisposeAsync().AsTask());
        }
    }
}
