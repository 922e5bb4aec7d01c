using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Batch;

/// <summary>Counts what a batch has done and tells it. Thread-safe.</summary>
internal sealed class BatchCounters(ChatBatchOptions options, ParallelismController places)
{
    private readonly long _started = options.Clock.GetTimestamp();
    private long _read;
    private long _succeeded;
    private long _failed;
    private long _retries;
    private long _inputTokens;
    private long _cachedTokens;
    private long _outputTokens;

    public void CountRead() => Interlocked.Increment(ref _read);

    /// <summary>Counts an answer. Returns the tokens the server had to compute for it.</summary>
    public long CountAnswer(ChatResponse response)
    {
        var input = response.Usage?.InputTokenCount ?? 0;
        var cached = response.Usage?.CachedInputTokenCount ?? 0;
        var output = response.Usage?.OutputTokenCount ?? 0;
        Interlocked.Increment(ref _succeeded);
        Interlocked.Add(ref _inputTokens, input);
        Interlocked.Add(ref _cachedTokens, cached);
        Interlocked.Add(ref _outputTokens, output);
        Tell();
        return Math.Max(1, input - cached + output);
    }

    public void CountFailure()
    {
        Interlocked.Increment(ref _failed);
        Tell();
    }

    public void CountRetry()
    {
        Interlocked.Increment(ref _retries);
        Tell();
    }

    private void Tell() => options.Progress?.Report(new ChatBatchProgress(
        Interlocked.Read(ref _read),
        Interlocked.Read(ref _succeeded),
        Interlocked.Read(ref _failed),
        Interlocked.Read(ref _retries),
        places.Running,
        places.Limit,
        Interlocked.Read(ref _inputTokens),
        Interlocked.Read(ref _cachedTokens),
        Interlocked.Read(ref _outputTokens),
        options.Clock.GetElapsedTime(_started)));
}
