namespace Connectors.Vllm.Batch;

/// <summary>
/// How many requests run at the same time. With a fixed number it is a gate and no more; else it climbs: each measured stretch compares tokens per
/// second with the stretch before, and the number grows by half while that pays. An overloaded server, or one with a queue, stops the climb.
/// Thread-safe.
/// </summary>
internal sealed class ParallelismController
{
    private const int Start = 8;
    private const double WorthIt = 1.05;
    private static readonly TimeSpan ShortestStretch = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private readonly TimeProvider _clock;
    private readonly int _most;
    private readonly bool _adaptive;
    private int _limit;
    private int _running;
    private long _stretchStart;
    private long _stretchTokens;
    private int _stretchResults;
    private double _bestRate;
    private int _settledLimit;

    public ParallelismController(int? fixedLimit, int most, TimeProvider clock)
    {
        _adaptive = fixedLimit is null;
        _most = fixedLimit ?? most;
        _limit = fixedLimit ?? Math.Min(Start, most);
        _clock = clock;
        _stretchStart = clock.GetTimestamp();
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

    /// <summary>Waits for a place. One caller at a time (the dispatcher), so places are given in order.</summary>
    public Task EnterAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_running < _limit)
            {
                _running++;
                return Task.CompletedTask;
            }

            var place = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(place);
            return place.Task.WaitAsync(cancellationToken);
        }
    }

    public void Leave()
    {
        lock (_gate)
        {
            _running--;
            Admit();
        }
    }

    /// <summary>Counts a result, and at the end of a stretch decides about the next.</summary>
    /// <param name="tokens">Tokens of the answer, prompt tokens that were not cached included: work that the server has done.</param>
    /// <param name="queued">Whether requests wait in the server's queue.</param>
    public void Report(long tokens, bool queued)
    {
        if (!_adaptive)
        {
            return;
        }

        lock (_gate)
        {
            _stretchTokens += tokens;
            _stretchResults++;
            var elapsed = _clock.GetElapsedTime(_stretchStart);
            if (elapsed < ShortestStretch || _stretchResults < _limit)
            {
                return;
            }

            var rate = _stretchTokens / elapsed.TotalSeconds;
            if (!queued && rate > _bestRate * WorthIt && _limit < _most)
            {
                _bestRate = rate;
                _settledLimit = _limit;
                _limit = Math.Min(_most, _limit + Math.Max(1, _limit / 2));
            }
            else if (queued || rate <= _bestRate)
            {
                // The last step brought nothing: back to where the best rate was seen. The rate is forgotten slowly, so that later stretches may try
                // again.
                _limit = Math.Max(1, _settledLimit == 0 ? _limit : Math.Min(_limit, _settledLimit));
                _bestRate *= 0.98;
            }

            BeginStretch();
            Admit();
        }
    }

    /// <summary>The server refused a request because it has too many.</summary>
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
            BeginStretch();
        }
    }

    private void BeginStretch()
    {
        _stretchStart = _clock.GetTimestamp();
        _stretchTokens = 0;
        _stretchResults = 0;
    }

    private void Admit()
    {
        while (_running < _limit && _waiting.TryDequeue(out var place))
        {
            if (place.TrySetResult())
            {
                _running++;
            }
        }
    }
}
