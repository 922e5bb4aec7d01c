using System.Collections.Concurrent;
using Grpc.Core;

namespace Connectors.Vllm.Interop.Tests;

/// <summary>The behavior of a .NET peer, selected by the first prompt id, and a record of its calls.</summary>
internal sealed class PeerScript
{
    public const int Short = 1;
    public const int Endless = 2;
    public const int Refused = 3;
    public const int Long = 4;
    public const int Dying = 6;
    private static readonly int[] ShortIds = [10, 11, 12, 2];
    private int _modelInfoCalls;
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _arrived = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _left = new(StringComparer.Ordinal);

    /// <summary>Headers of the last generation.</summary>
    public Metadata? Headers { get; private set; }

    /// <summary>Deadline of the last generation; the maximum when it has none.</summary>
    public DateTime Deadline { get; private set; }

    /// <summary>grpc-encoding of each answer.</summary>
    public ConcurrentQueue<string> ResponseEncodings { get; } = [];

    /// <summary>Ids that Abort calls named.</summary>
    public ConcurrentQueue<string> Aborted { get; } = [];

    /// <summary>The number of model queries.</summary>
    public int ModelInfoCalls => Volatile.Read(ref _modelInfoCalls);

    public void CountModelInfo() => Interlocked.Increment(ref _modelInfoCalls);

    /// <summary>Completes when the server saw that the caller of this request went away.</summary>
    public Task LeftAsync(string requestId) => Of(_left, requestId).Task;

    /// <summary>Completes when this request has come.</summary>
    public Task ArrivedAsync(string requestId) => Of(_arrived, requestId).Task;

    /// <summary>The ids to send; throws what the script refuses.</summary>
    public async IAsyncEnumerable<int> RunAsync(int script, string requestId, ServerCallContext context)
    {
        Headers = context.RequestHeaders;
        Deadline = context.Deadline;
        using var registration = context.CancellationToken.Register(() => Of(_left, requestId).TrySetResult());
        Of(_arrived, requestId).TrySetResult();
        switch (script)
        {
            case Refused:
                throw new RpcException(new Status(StatusCode.InvalidArgument, "refused: naïve prompt, 100 % of it"),
                    new Metadata { { "reason-bin", new byte[] { 0, 255 } } });
            case Long:
                for (var i = 0; i < 1999; i++)
                {
                    yield return 10 + (i % 500);
                }

                yield return 2;
                break;
            case Endless:
                for (var i = 0; ; i++)
                {
                    yield return 10 + (i % 500);

                    // The rate of a model; the delay does not synchronize anything.
                    await Task.Delay(2, context.CancellationToken);
                }

            case Dying:
                yield return 20;
                yield return 21;
                throw new RpcException(
                    new Status(StatusCode.Internal, "EngineCore encountered an issue. See stack trace (above) for the root cause."));
            default:
                foreach (var id in ShortIds)
                {
                    yield return id;
                }

                break;
        }
    }

    private static TaskCompletionSource Of(ConcurrentDictionary<string, TaskCompletionSource> events, string requestId) =>
        events.GetOrAdd(requestId, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
}
