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

    /// <summary>Writes what is left, gaps or not, and makes sure that it is on the disk.</summary>
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
                // A full disk has been reported, and the file is made anew from the journal.
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
                $"{_results.Name} cannot be written: {exception.Message} Make room and run the same command again; it goes on where it was.",
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
