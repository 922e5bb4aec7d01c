using System.Text.Json;

namespace Connectors.Vllm.Tool.Batch;

/// <summary>
/// The files of a batch: results, and errors beside them. They are written from the journal, in the order of the input (as far as that is complete)
/// or as requests finish, so they can be made anew at any time; a batch that goes on begins by doing that.
/// </summary>
internal sealed class BatchOutput : IDisposable
{
    private readonly BatchJournal _journal;
    private readonly bool _inOrder;
    private readonly Shard _shard;
    private readonly FileStream _results;
    private readonly string _errorPath;
    private readonly HashSet<long> _written = [];
    private FileStream? _errors;
    private long _next;

    /// <exception cref="BatchException">A file cannot be written.</exception>
    public BatchOutput(BatchJournal journal, string path, string errorPath, bool inOrder, Shard shard)
    {
        _journal = journal;
        _inOrder = inOrder;
        _shard = shard;
        _errorPath = errorPath;
        _next = shard.Number - 1;
        _results = Create(path);
        File.Delete(errorPath);
        if (inOrder)
        {
            WriteDue();
        }
        else
        {
            foreach (var index in journal.Done())
            {
                Write(index);
            }
        }
    }

    /// <summary>A request has just been journaled.</summary>
    public void Add(long index)
    {
        if (_inOrder)
        {
            WriteDue();
        }
        else
        {
            Write(index);
        }
    }

    /// <summary>Writes the remaining rows, even with gaps, and flushes them to disk.</summary>
    public void Complete()
    {
        foreach (var index in _journal.Done().Order())
        {
            Write(index);
        }

        Writing(() =>
        {
            _results.Flush(flushToDisk: true);
            _errors?.Flush(flushToDisk: true);
        });
    }

    public void Dispose()
    {
        foreach (var file in new[] { _results, _errors })
        {
            try
            {
                file?.Dispose();
            }
            catch (Exception exception) when (BatchJournal.IsDiskFailure(exception))
            {
                // A full disk has been reported, and the file will be recreated from the journal.
            }
        }
    }

    private void WriteDue()
    {
        Writing(() =>
        {
            while (_journal.TryCopy(_next, Target))
            {
                _written.Add(_next);
                _next += _shard.Count;
            }
        });
    }

    private void Write(long index)
    {
        if (_written.Add(index))
        {
            Writing(() => _journal.TryCopy(index, Target));
        }
    }

    private void Writing(Action write)
    {
        try
        {
            write();
        }
        catch (Exception exception) when (BatchJournal.IsDiskFailure(exception))
        {
            throw new BatchException(
                $"{_results.Name} cannot be written: {exception.Message} Free disk space and run the same command again; it continues where it "
                    + "stopped.",
                exception);
        }
    }

    private FileStream Target(bool failed) => failed ? _errors ??= Create(_errorPath) : _results;

    private static FileStream Create(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new BatchException($"{path} cannot be written: {exception.Message}", exception);
        }
    }
}

/// <summary>Where finished requests go.</summary>
internal interface IBatchSink : IAsyncDisposable
{
    int FailedBefore { get; }

    bool IsDone(long index, string hash, long line);

    /// <summary>Keeps a row. Thread-safe: malformed lines come from the reader, results from the engine.</summary>
    void Add(BatchRow row);

    /// <summary>Completes the output. The journal is deleted if all requests are done.</summary>
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

/// <summary>Standard output, for pipes: results and errors in one stream, without resumption.</summary>
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

/// <summary>One line of a batch's output: a result or an error, and where its request stood in the input.</summary>
/// <param name="Index">Position of the request in the input, from 0, shards counted as one.</param>
/// <param name="Hash">Fingerprint of the request's line, so that a journal is never mixed with another input.</param>
/// <param name="Failed">Whether the row belongs into the file of errors.</param>
/// <param name="Json">The row as it is written, UTF-8, without a line break.</param>
internal sealed record BatchRow(long Index, string Hash, bool Failed, ReadOnlyMemory<byte> Json)
{
    /// <summary>The row's id; carries the index, so that files of several shards can be merged.</summary>
    public static string IdOf(long index) => $"batch_req_{index:D8}";

    /// <summary>The index in an id that <see cref="IdOf"/> made; null for any other.</summary>
    public static long? IndexOf(string? id) =>
        id is not null && id.StartsWith("batch_req_", StringComparison.Ordinal) && long.TryParse(id.AsSpan(10), out var index) ? index : null;

    public static BatchRow Of(long index, string hash, bool failed, Action<Utf8JsonWriter> write)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(buffer, Relaxed))
        {
            writer.WriteStartObject();
            writer.WriteString("id", IdOf(index));
            write(writer);
            writer.WriteEndObject();
        }

        return new BatchRow(index, hash, failed, buffer.WrittenMemory);
    }

    /// <summary>An error as a row of its own.</summary>
    public static BatchRow Error(
        long index, string hash, string? customId, long line, string code, string message) => Of(index, hash, failed: true, writer =>
    {
        writer.WriteString("custom_id", customId);
        writer.WriteNull("response");
        writer.WriteStartObject("error");
        writer.WriteString("code", code);
        writer.WriteString("message", message);
        writer.WriteNumber("line", line);
        writer.WriteEndObject();
    });

    private static JsonWriterOptions Relaxed => new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
