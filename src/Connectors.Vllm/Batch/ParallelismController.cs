namespace Connectors.Vllm.Batch;

/// <summary>
/// Limits the number of concurrent requests. An adaptive limit grows by half after each measurement window while that increases the tokens per
/// second, and stops growing when the server is overloaded or has a queue. Thread-safe.
/// </summary>
internal sealed class ParallelismController
{
    private const int Start = 8;
    private const double MinGain = 1.05;
    private static readonly TimeSpan MinWindow = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private readonly TimeProvider _clock;
    private readonly int _maxLimit;
    private readonly bool _adaptive;
    private int _limit;
    private int _running;
    private long _windowStart;
    private long _windowTokens;
    private int _windowResults;
    private double _bestRate;
    private int _settledLimit;

    public ParallelismController(int? fixedLimit, int maxLimit, TimeProvider clock)
    {
        _adaptive = fixedLimit is null;
        _maxLimit = fixedLimit ?? maxLimit;
        _limit = fixedLimit ?? Math.Min(Start, maxLimit);
        _clock = clock;
        _windowStart = clock.GetTimestamp();
    }

    public int Limit
    {
        get
        {
            lock (_gate)
            {
                return _limit;
            }
        }
    }

    public int Running
    {
        get
        {
            lock (_gate)
            {
                return _running;
            }
        }
    }

    /// <summary>Waits until another request may run. For one caller at a time (the dispatcher), so requests are admitted in order.</summary>
    public Task AcquireAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_running < _limit)
            {
                _running++;
                return Task.CompletedTask;
            }

            var waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(waiter);
            return waiter.Task.WaitAsync(cancellationToken);
        }
    }

    public void Release()
    {
        lock (_gate)
        {
            _running--;
            Admit();
        }
    }

    /// <summary>Counts a result, and adjusts the limit at the end of a window.</summary>
    /// <param name="tokens">The number of tokens that the server had to compute: those of the answer and the uncached ones of the prompt.</param>
    /// <param name="queued">Whether requests wait in the server's queue.</param>
    public void Report(long tokens, bool queued)
    {
        if (!_adaptive)
        {
            return;
        }

        lock (_gate)
        {
            _windowTokens += tokens;
            _windowResults++;
            var elapsed = _clock.GetElapsedTime(_windowStart);
            if (elapsed < MinWindow || _windowResults < _limit)
            {
                return;
            }

            var rate = _windowTokens / elapsed.TotalSeconds;
            if (!queued && rate > _bestRate * MinGain && _limit < _maxLimit)
            {
                _bestRate = rate;
                _settledLimit = _limit;
                _limit = Math.Min(_maxLimit, _limit + Math.Max(1, _limit / 2));
            }
            else if (queued || rate <= _bestRate)
            {
                // The last increase did not help: return to the limit with the best rate. The rate decays slowly, so that later windows may try
                // again.
                _limit = Math.Max(1, _settledLimit == 0 ? _limit : Math.Min(_limit, _settledLimit));
                _bestRate *= 0.98;
            }

            BeginWindow();
            Admit();
        }
    }

    /// <summary>Called when the server refused a request because it is overloaded.</summary>
    public void ReportOverload()
    {
        if (!_adaptive)
        {
            return;
        }

        lock (_gate)
        {
            _limit = Math.Max(1, Math.Min(_limit, _running) * 3 / 4);
            _settledLimit = _limit;
            BeginWindow();
        }
    }

    private void BeginWindow()
    {
        _windowStart = _clock.GetTimestamp();
        _windowTokens = 0;
        _windowResults = 0;
    }

    private void Admit()
    {
        while (_running < _limit && _waiting.TryDequeue(out var waiter))
        {
            if (waiter.TrySetResult())
            {
                _running++;
            }
        }
    }
}
