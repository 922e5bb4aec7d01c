using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Batch;

/// <summary>
/// A run of a batch: a dispatcher reads the input window by window and starts a task per request, the tasks write their results to a channel, and the
/// enumeration returns them, in order if requested.
/// </summary>
internal sealed class ChatBatchRun : IDisposable
{
    private static readonly TimeSpan QueueProbeInterval = TimeSpan.FromSeconds(2);

    private readonly IChatClient _client;
    private readonly ChatBatchOptions _options;
    private readonly ParallelismController _parallelism;
    private readonly OutageGate _outage;
    private readonly BatchCounters _counters;
    private readonly Channel<ChatBatchResult> _results =
        Channel.CreateUnbounded<ChatBatchResult>(new UnboundedChannelOptions { SingleReader = true });
    private readonly SemaphoreSlim _resultSlots;
    private readonly CancellationTokenSource _stop;
    private readonly IVllmEngine? _engine;
    private volatile bool _queued;

    private ChatBatchRun(IChatClient client, ChatBatchOptions options, CancellationToken cancellationToken)
    {
        _client = client;
        _options = options;
        _parallelism = new ParallelismController(options.Parallelism, options.MaxAdaptiveParallelism, options.Clock);
        _outage = new OutageGate(options.MaxOutage, options.Clock);
        _counters = new BatchCounters(options, _parallelism);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _engine = options.Parallelism is null ? client.GetService<IVllmEngine>() : null;

        // Limits the results that are waiting to be returned, which would otherwise accumulate behind a slow request if the order is preserved.
        _resultSlots = new SemaphoreSlim(Math.Max(4096, 4 * options.PrefixWindow));
    }

    public static async IAsyncEnumerable<ChatBatchResult> StartAsync(
        IChatClient client, IAsyncEnumerable<ChatBatchRequest> requests, ChatBatchOptions options,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var run = new ChatBatchRun(client, options, cancellationToken);
        var dispatching = run.DispatchAsync(requests);
        var probing = run.WatchQueueAsync();
        try
        {
            var results = run._results.Reader.ReadAllAsync(CancellationToken.None);
            await foreach (var result in (options.PreserveOrder ? InOrderAsync(results) : results).ConfigureAwait(false))
            {
                yield return result;
                run._resultSlots.Release();
            }

            cancellationToken.ThrowIfCancellationRequested();
        }
        finally
        {
            await run._stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(dispatching, probing).ConfigureAwait(false);
            run.Dispose();
        }
    }

    public void Dispose()
    {
        _stop.Dispose();
        _resultSlots.Dispose();
    }

    private static async IAsyncEnumerable<ChatBatchResult> InOrderAsync(IAsyncEnumerable<ChatBatchResult> results)
    {
        var early = new Dictionary<long, ChatBatchResult>();
        var next = 0L;
        await foreach (var result in results.ConfigureAwait(false))
        {
            early.Add(result.Index, result);
            while (early.Remove(next, out var due))
            {
                next++;
                yield return due;
            }
        }
    }

    /// <summary>
    /// Reads, orders and starts requests; completes when all have completed. A failure of the input, or an outage that lasts too long, ends the
    /// enumeration with an exception.
    /// </summary>
    private async Task DispatchAsync(IAsyncEnumerable<ChatBatchRequest> requests)
    {
        // On the thread pool, because reading and ordering the input must not block the caller's thread.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var running = new HashSet<Task>();
        Exception? failure = null;
        using var start = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token, _options.StopStarting);
        try
        {
            var rateLimiter = new RequestRateLimiter(_options.RequestsPerSecond, _options.Clock);
            await foreach (var item in PrefixOrder.ReadAsync(requests, _options.PrefixWindow, () => ReadOneAsync(start.Token), start.Token)
                .ConfigureAwait(false))
            {
                await _outage.WaitAsync(start.Token).ConfigureAwait(false);
                await _parallelism.AcquireAsync(start.Token).ConfigureAwait(false);
                await rateLimiter.WaitAsync(start.Token).ConfigureAwait(false);
                running.RemoveWhere(static task => task.IsCompleted);
                running.Add(RunAsync(item.Request, item.Index));
            }
        }
        catch (OperationCanceledException) when (start.IsCancellationRequested)
        {
        }
        catch (Exception exception)
        {
            failure = exception;
            await _stop.CancelAsync().ConfigureAwait(false);
        }

        await Task.WhenAll(running).ConfigureAwait(false);
        _results.Writer.TryComplete(failure ?? _outage.Failure);
    }

    /// <summary>Called for each request that is read; waits until there is a slot for its result.</summary>
    private async ValueTask ReadOneAsync(CancellationToken cancellationToken)
    {
        await _resultSlots.WaitAsync(cancellationToken).ConfigureAwait(false);
        _counters.CountRead();
    }

    private async Task RunAsync(ChatBatchRequest request, long index)
    {
        // A client may do CPU-bound work before its first await, for example render a prompt; the dispatcher must not wait for it.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            for (var attempt = 1; ; attempt++)
            {
                var started = _options.Clock.GetTimestamp();
                try
                {
                    var response = await _client.GetResponseAsync(request.Messages, request.Options ?? _options.DefaultChatOptions, _stop.Token)
                        .ConfigureAwait(false);
                    _outage.Open();
                    _parallelism.Report(_counters.CountAnswer(response), _queued);
                    _results.Writer.TryWrite(new(request, index, attempt, _options.Clock.GetElapsedTime(started), response, null));
                    break;
                }
                catch (Exception exception) when (!_stop.IsCancellationRequested)
                {
                    var outage = Failures.IsOutage(exception);
                    if (!outage)
                    {
                        _outage.Open();
                    }

                    if (!await ShouldRetryAsync(request, exception, attempt, outage).ConfigureAwait(false))
                    {
                        _counters.CountFailure();
                        _results.Writer.TryWrite(new(request, index, attempt, _options.Clock.GetElapsedTime(started), null, exception));
                        break;
                    }

                    // An outage says nothing about the request, so it does not count as an attempt.
                    attempt -= outage ? 1 : 0;
                    _counters.CountRetry();
                }
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
        }
        catch (Exception) when (_stop.IsCancellationRequested)
        {
            // The client was disposed with the batch, so its exception says nothing about the request.
        }
        finally
        {
            _parallelism.Release();
        }
    }

    /// <summary>Waits before the next attempt; returns false if the failure is final or all attempts have been made.</summary>
    private async Task<bool> ShouldRetryAsync(ChatBatchRequest request, Exception exception, int attempt, bool outage)
    {
        if (!(_options.ShouldRetry ?? Failures.IsTransient)(exception))
        {
            return false;
        }

        if (outage)
        {
            if (await _outage.WaitForRetryAsync(request, exception, _stop.Token).ConfigureAwait(false))
            {
                return true;
            }

            // The outage has lasted too long, which ends the whole batch.
            await _stop.CancelAsync().ConfigureAwait(false);
            _stop.Token.ThrowIfCancellationRequested();
        }

        if (Failures.IsOverload(exception))
        {
            _parallelism.ReportOverload();
        }

        if (attempt >= _options.MaxAttempts)
        {
            return false;
        }

        await Task.Delay(Backoff.Of(attempt), _options.Clock, _stop.Token).ConfigureAwait(false);
        return true;
    }

    /// <summary>Polls the server's queue while the parallelism is adaptive; a server that does not report it is not queried again.</summary>
    private async Task WatchQueueAsync()
    {
        try
        {
            using var timer = new PeriodicTimer(QueueProbeInterval, _options.Clock);
            while (_engine is not null && await timer.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false))
            {
                var loads = await _engine.GetLoadsAsync(_stop.Token).ConfigureAwait(false);
                _queued = loads.Any(static load => load.WaitingRequests > 0);
            }
        }
        catch (Exception exception)
            when (exception is VllmException or NotSupportedException or OperationCanceledException or ObjectDisposedException)
        {
        }
    }
}

/// <summary>Counts the progress of a batch and reports it. Thread-safe.</summary>
internal sealed class BatchCounters(ChatBatchOptions options, ParallelismController parallelism)
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

    /// <summary>Counts an answer and returns the number of tokens that the server had to compute for it.</summary>
    public long CountAnswer(ChatResponse response)
    {
        var input = response.Usage?.InputTokenCount ?? 0;
        var cached = response.Usage?.CachedInputTokenCount ?? 0;
        var output = response.Usage?.OutputTokenCount ?? 0;
        Interlocked.Increment(ref _succeeded);
        Interlocked.Add(ref _inputTokens, input);
        Interlocked.Add(ref _cachedTokens, cached);
        Interlocked.Add(ref _outputTokens, output);
        ReportProgress();
        return Math.Max(1, input - cached + output);
    }

    public void CountFailure()
    {
        Interlocked.Increment(ref _failed);
        ReportProgress();
    }

    public void CountRetry()
    {
        Interlocked.Increment(ref _retries);
        ReportProgress();
    }

    private void ReportProgress() => options.Progress?.Report(new ChatBatchProgress(
        Interlocked.Read(ref _read),
        Interlocked.Read(ref _succeeded),
        Interlocked.Read(ref _failed),
        Interlocked.Read(ref _retries),
        parallelism.Running,
        parallelism.Limit,
        Interlocked.Read(ref _inputTokens),
        Interlocked.Read(ref _cachedTokens),
        Interlocked.Read(ref _outputTokens),
        options.Clock.GetElapsedTime(_started)));
}
