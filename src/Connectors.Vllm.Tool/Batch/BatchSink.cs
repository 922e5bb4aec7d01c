namespace Connectors.Vllm.Tool.Batch;

/// <summary>Where finished requests go.</summary>
internal interface IBatchSink : IAsyncDisposable
{
    int FailedBefore { get; }

    bool IsDone(long index, string hash, long line);

    /// <summary>Keeps a row. Thread-safe: malformed lines come from the reader, results from the engine.</summary>
    void Add(BatchRow row);

    /// <summary>Nothing more comes. When all is done, the journal goes.</summary>
    void Complete(bool everything);
}

/// <summary>Journal and output files.</summary>
internal sealed class FileSink : IBatchSink
{
    private readonly BatchJournal _journal;
    private readonly BatchOutput _output;
    private readonly string _journalPath;
    private readonly Lock _gate = new();
    private bool _finished;

    public FileSink(BatchSettings settings)
    {
        _journalPath = settings.JournalPath;
        _journal = BatchJournal.Open(_journalPath, settings.Fingerprint, settings.RetryFailed);
        FailedBefore = _journal.FailedCount;
        _output = new BatchOutput(_journal, settings.Output!, settings.ErrorPath, settings.InOrder, settings.Shard);
    }

    public int FailedBefore { get; }

    public bool IsDone(long index, string hash, long line) => _journal.IsDone(index, hash, line);

    public void Add(BatchRow row)
    {
        _journal.Append(row);
        lock (_gate)
        {
            _output.Add(row.Index);
        }
    }

    public void Complete(bool everything)
    {
        lock (_gate)
        {
            _output.Complete();
        }

        _finished = everything;
    }

    public async ValueTask DisposeAsync()
    {
        _output.Dispose();
        await _journal.DisposeAsync().ConfigureAwait(false);
        if (_finished)
        {
            File.Delete(_journalPath);
        }
    }
}

/// <summary>Standard output, for pipes: results and errors in one stream, nothing to resume from.</summary>
internal sealed class ConsoleSink(Stream output) : IBatchSink
{
    private readonly Lock _gate = new();

    public int FailedBefore => 0;

    public bool IsDone(long index, string hash, long line) => false;

    public void Add(BatchRow row)
    {
        lock (_gate)
        {
            output.Write(row.Json.Span);
            output.WriteByte((byte)'\n');
            output.Flush();
        }
    }

    public void Complete(bool everything)
    {
    }

    public async ValueTask DisposeAsync() => await output.DisposeAsync().ConfigureAwait(false);
}
