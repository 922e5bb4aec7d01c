using System.Text.Json;
using Connectors.Vllm.Tool.Terminal;

namespace Connectors.Vllm.Tool.Batch;

/// <summary>
/// The journal of a batch on disk: a header with the settings, and one line per finished request, in the order of completion. The output files are
/// written from it, so a batch that was killed resumes where its journal ends. Appending is thread-safe.
/// </summary>
/// <remarks>
/// A line is <c>{"index":…,"hash":"…","failed":…,"row":{…}}</c>. A last line without its line break was cut by a crash and is dropped. Lines reach
/// the disk itself (fsync) within <see cref="FlushInterval"/>.
/// </remarks>
internal sealed class BatchJournal : IAsyncDisposable
{
    private static readonly TimeSpan FlushInterval = TimeSpan.FromMilliseconds(250);

    private static readonly byte[] HeaderStart = "{\"vllm_grpc_batch\":1,\"settings\":\""u8.ToArray();

    private readonly FileStream _file;
    private readonly Lock _gate = new();
    private readonly Dictionary<long, Entry> _entries = [];
    private readonly CancellationTokenSource _closing = new();
    private readonly Task _flushing;
    private bool _dirty;
    private Exception? _flushFailure;

    private BatchJournal(FileStream file)
    {
        _file = file;
        _flushing = FlushAsync();
    }

    /// <summary>Opens a journal and reads its entries.</summary>
    /// <param name="path">The file; made when it is not there.</param>
    /// <param name="settings">Fingerprint of the settings that change answers.</param>
    /// <param name="retryFailed">Forgets failed requests, so that they run again.</param>
    /// <exception cref="BatchException">The file is not a journal, or was made with other settings.</exception>
    public static BatchJournal Open(string path, string settings, bool retryFailed)
    {
        FileStream file;
        try
        {
            // Exclusive to this process. Without a buffer, so that a failed write is not retried implicitly.
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new BatchException($"The journal {path} cannot be opened: {exception.Message} Is another batch writing it?", exception);
        }

        var journal = new BatchJournal(file);
        try
        {
            journal.Read(path, settings, retryFailed);
            return journal;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether a request is done. A different hash means that the journal belongs to another input.</summary>
    /// <exception cref="BatchException">The line was another when the journal was written.</exception>
    public bool IsDone(long index, string hash, long line)
    {
        lock (_gate)
        {
            if (!_entries.TryGetValue(index, out var entry))
            {
                return false;
            }

            return entry.Hash == hash ? !entry.Forgotten : throw new BatchException(
                $"Line {line} of the input has changed since the journal {_file.Name} was written. Pass the same input, another --output, "
                    + "or --restart to start over.");
        }
    }

    /// <summary>Appends a finished request. A request that is there already is not appended again.</summary>
    /// <exception cref="BatchException">The disk is full or the file cannot be written; what was appended before is kept.</exception>
    public void Append(BatchRow row)
    {
        lock (_gate)
        {
            if (_entries.TryGetValue(row.Index, out var known) && !known.Forgotten)
            {
                return;
            }

            if (_flushFailure is not null)
            {
                throw Unwritable(_flushFailure);
            }

            var start = _file.Length;
            try
            {
                var head = Head(row);
                _file.Position = start;
                _file.Write([.. head, .. row.Json.Span, .. "}\n"u8]);
                _entries[row.Index] = new Entry(start + head.Length, row.Json.Length, row.Hash, row.Failed);
                _dirty = true;
            }
            catch (Exception exception) when (IsDiskFailure(exception))
            {
                // Half a line in the middle would make the journal unreadable.
                _file.SetLength(start);
                throw Unwritable(exception);
            }
        }
    }

    /// <summary>Copies a request's row, with a line break; false when the request is not done.</summary>
    public bool TryCopy(long index, Func<bool, Stream> target)
    {
        lock (_gate)
        {
            if (!_entries.TryGetValue(index, out var entry) || entry.Forgotten)
            {
                return false;
            }

            Copy(entry, target);
            return true;
        }
    }

    /// <summary>Indexes of the requests that are done, in the order of finishing.</summary>
    public IReadOnlyList<long> Done()
    {
        lock (_gate)
        {
            return [.. _entries.Where(static entry => !entry.Value.Forgotten).OrderBy(static entry => entry.Value.Offset)
                .Select(static entry => entry.Key)];
        }
    }

    public int FailedCount
    {
        get
        {
            lock (_gate)
            {
                return _entries.Values.Count(static entry => entry.Failed && !entry.Forgotten);
            }
        }
    }

    /// <summary>Flushes everything to disk.</summary>
    /// <exception cref="BatchException">It is not.</exception>
    public void Flush()
    {
        lock (_gate)
        {
            TryFlush();
            if (_flushFailure is not null)
            {
                throw Unwritable(_flushFailure);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        await _flushing.ConfigureAwait(false);
        lock (_gate)
        {
            TryFlush();
        }

        await _file.DisposeAsync().ConfigureAwait(false);
        _closing.Dispose();
    }

    /// <summary>
    /// Whether the disk is full or read-only, or the file has the maximum size of the file system, which .NET reports as an argument out of range.
    /// </summary>
    internal static bool IsDiskFailure(Exception exception) => exception is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException;

    private static byte[] Head(BatchRow row)
    {
        var failed = row.Failed ? "true" : "false";
        return System.Text.Encoding.UTF8.GetBytes($$"""{"index":{{row.Index}},"hash":"{{row.Hash}}","failed":{{failed}},"row":""");
    }

    private void Copy(Entry entry, Func<bool, Stream> target)
    {
        var row = new byte[entry.Length + 1];
        _file.Position = entry.Offset;
        _file.ReadExactly(row.AsSpan(0, entry.Length));
        row[^1] = (byte)'\n';
        target(entry.Failed).Write(row);
    }

    private void Read(string path, string settings, bool retryFailed)
    {
        byte[] header = [.. HeaderStart, .. System.Text.Encoding.UTF8.GetBytes(settings + "\"}\n")];
        if (_file.Length < header.Length && IsCutHeader())
        {
            WriteHeader(header);
            return;
        }

        var end = 0L;
        foreach (var (offset, line) in Lines())
        {
            end = offset + line.Length + 1;
            if (offset == 0)
            {
                RequireHeader(path, line, header);
            }
            else if (TryParse(line) is { } entry)
            {
                _entries[entry.Index] =
                    new Entry(offset + entry.RowStart, entry.RowLength, entry.Hash, entry.Failed, Forgotten: retryFailed && entry.Failed);
            }
            else
            {
                throw new BatchException($"The journal {path} is corrupt at byte {offset}. Pass another --output, or --restart to start over.");
            }
        }

        if (end == 0)
        {
            throw new BatchException($"{path} is not a journal of this tool. Pass another --output, or delete it.");
        }

        _file.SetLength(end);
    }

    /// <summary>Whether the file is empty, or holds the beginning of a header: a crash, or a full disk, left no more.</summary>
    private bool IsCutHeader()
    {
        var content = new byte[_file.Length];
        _file.Position = 0;
        _file.ReadExactly(content);
        return !content.Contains((byte)'\n')
            && (content.Length < HeaderStart.Length ? HeaderStart.AsSpan().StartsWith(content) : content.AsSpan().StartsWith(HeaderStart));
    }

    private void WriteHeader(byte[] header)
    {
        try
        {
            _file.Position = 0;
            _file.Write(header);
            _file.SetLength(header.Length);
            _file.Flush(flushToDisk: true);
        }
        catch (Exception exception) when (IsDiskFailure(exception))
        {
            throw Unwritable(exception);
        }
    }

    private BatchException Unwritable(Exception exception) => new(
        $"The journal {_file.Name} cannot be written: {exception.Message} Free disk space and run the same command again; it continues where it "
            + "stopped.",
        exception);

    private static void RequireHeader(string path, byte[] line, byte[] header)
    {
        if (line.AsSpan().SequenceEqual(header.AsSpan(0, header.Length - 1)))
        {
            return;
        }

        throw line.AsSpan().StartsWith("""{"vllm_grpc_batch":"""u8)
            ? new BatchException(
                $"The journal {path} was written with different settings (model, limits, schema, tools, shard …). Use the same ones, another "
                    + "--output, or --restart to start over.")
            : new BatchException($"{path} is not a journal of this tool. Pass another --output, or delete it.");
    }

    private IEnumerable<(long Offset, byte[] Line)> Lines()
    {
        _file.Position = 0;
        var buffer = new byte[1 << 16];
        var line = new MemoryStream();
        var start = 0L;
        for (int read; (read = _file.Read(buffer)) > 0;)
        {
            var rest = buffer.AsMemory(0, read);
            for (int end; (end = rest.Span.IndexOf((byte)'\n')) >= 0; rest = rest[(end + 1)..])
            {
                line.Write(rest.Span[..end]);
                yield return (start, line.ToArray());
                start += line.Length + 1;
                line.SetLength(0);
            }

            line.Write(rest.Span);
        }
    }

    private static (long Index, string Hash, bool Failed, int RowStart, int RowLength)? TryParse(byte[] line)
    {
        try
        {
            var reader = new Utf8JsonReader(line, new JsonReaderOptions { MaxDepth = 512 });
            (long Index, string Hash, bool Failed, int Start, int Length) entry = (-1, "", false, 0, 0);
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = reader.GetString();
                reader.Read();
                switch (name)
                {
                    case "index":
                        entry.Index = reader.GetInt64();
                        break;
                    case "hash":
                        entry.Hash = reader.GetString() ?? "";
                        break;
                    case "failed":
                        entry.Failed = reader.GetBoolean();
                        break;
                    default:
                        entry.Start = (int)reader.TokenStartIndex;
                        reader.Skip();
                        entry.Length = (int)reader.BytesConsumed - entry.Start;
                        break;
                }
            }

            return entry.Index >= 0 && entry.Length > 0 ? entry : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    private async Task FlushAsync()
    {
        using var timer = new PeriodicTimer(FlushInterval);
        try
        {
            while (await timer.WaitForNextTickAsync(_closing.Token).ConfigureAwait(false))
            {
                lock (_gate)
                {
                    TryFlush();
                }
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    /// <summary>A failing disk is reported by the next append, because some file systems report a full disk only when flushing.</summary>
    private void TryFlush()
    {
        if (!_dirty)
        {
            return;
        }

        try
        {
            _file.Flush(flushToDisk: true);
            _dirty = false;
        }
        catch (Exception exception) when (IsDiskFailure(exception))
        {
            _flushFailure = exception;
        }
    }

    private readonly record struct Entry(long Offset, int Length, string Hash, bool Failed, bool Forgotten = false);
}

/// <summary>A batch that cannot start or continue; the message says why and what to do.</summary>
internal sealed class BatchException(string message, Exception? innerException = null) : ToolException(message, innerException);
