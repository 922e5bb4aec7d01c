using System.Text;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Tool.Terminal;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Batch;

/// <summary>Runs a batch: lines to requests, requests through the client, results to the journal, and from there to the output.</summary>
internal sealed class BatchProgram(IChatClient client, BatchSettings settings, Action<BatchEvent> tell) : IDisposable
{
    private readonly CompletionChatClient _client = new(client);
    private readonly BatchRequests _requests = new(settings.Defaults, settings.System);
    private readonly Dictionary<long, (string Hash, string? CustomId, long Line)> _running = [];
    private readonly Lock _gate = new();
    private ChatBatchProgress _progress;
    private long _before;
    private long _done;
    private long _failed;

    public void Dispose() => _client.Dispose();

    /// <summary>Runs until the input ends, or until <paramref name="stopStarting"/>, after which running requests finish.</summary>
    /// <exception cref="BatchException">The files, or the settings, don't allow it.</exception>
    /// <exception cref="VllmException">The server was away for too long.</exception>
    public async Task<BatchSummary> RunAsync(CancellationToken stopStarting, CancellationToken cancellationToken)
    {
        using var reader = Open();
        var toFile = settings.Output is not (null or "-");
        if (toFile && settings.Restart)
        {
            File.Delete(settings.JournalPath);
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var sink = toFile ? (IBatchSink)new FileSink(settings) : new ConsoleSink(StandardOutput.Open());
        _failed = sink.FailedBefore;
        settings.Run.PreserveOrder = !toFile && settings.InOrder;
        settings.Run.StopStarting = stopStarting;
        settings.Run.Progress = new Report(progress =>
        {
            _progress = progress;
            tell(new BatchEvent(progress, Interlocked.Read(ref _before), Interlocked.Read(ref _failed)));
        });

        await foreach (var result in _client.RunBatchAsync(Read(reader, sink), settings.Run, stop.Token).ConfigureAwait(false))
        {
            sink.Add(RowOf(result));
            _done++;
        }

        var complete = !stopStarting.IsCancellationRequested;
        sink.Complete(complete);
        return new BatchSummary(_done, Interlocked.Read(ref _failed), _before, complete, _progress);
    }

    private IEnumerable<ChatBatchRequest> Read(StreamReader reader, IBatchSink sink)
    {
        foreach (var line in settings.Csv is { } template ? BatchLines.ReadCsv(reader, template) : BatchLines.ReadJsonLines(reader))
        {
            if (!settings.Shard.Has(line.Index))
            {
                continue;
            }

            var hash = line.Hash();
            if (sink.IsDone(line.Index, hash, line.Line))
            {
                Interlocked.Increment(ref _before);
                continue;
            }

            if (TryRead(line, hash, sink) is { } request)
            {
                yield return request;
            }
        }
    }

    private ChatBatchRequest? TryRead(BatchLine line, string hash, IBatchSink sink)
    {
        try
        {
            var (request, customId) = _requests.Read(line);
            lock (_gate)
            {
                _running[line.Index] = (hash, customId, line.Line);
            }

            return request;
        }
        catch (FormatException exception)
        {
            Interlocked.Increment(ref _failed);
            sink.Add(
                BatchRow.Error(
                    line.Index, hash, exception.Data["custom_id"] as string, line.Line, "invalid_request", $"line {line.Line}: {exception.Message}"));
            return null;
        }
    }

    private BatchRow RowOf(ChatBatchResult result)
    {
        var index = BatchRow.IndexOf(result.Request.Id)!.Value;
        (string Hash, string? CustomId, long Line) origin;
        lock (_gate)
        {
            _running.Remove(index, out origin);
        }

        if (result.Response is { } response)
        {
            return BatchRow.Of(index, origin.Hash, failed: false, writer =>
            {
                writer.WriteString("custom_id", origin.CustomId);
                writer.WriteStartObject("response");
                writer.WriteNumber("status_code", 200);
                writer.WriteString("request_id", response.ResponseId);
                writer.WritePropertyName("body");
                OpenAIResponse.WriteCompletion(writer, response);
                writer.WriteEndObject();
                writer.WriteNull("error");
            });
        }

        Interlocked.Increment(ref _failed);
        return BatchRow.Error(index, origin.Hash, origin.CustomId, origin.Line, CodeOf(result.Exception!), result.Exception!.Message);
    }

    private StreamReader Open()
    {
        try
        {
            return settings.Input is null or "-"
                ? new StreamReader(Console.OpenStandardInput(), Encoding.UTF8)
                : new StreamReader(settings.Input, Encoding.UTF8);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new BatchException($"The input {settings.Input} cannot be read: {exception.Message}", exception);
        }
    }

    private static string CodeOf(Exception exception) => exception switch
    {
        VllmTimeoutException => "timeout",
        VllmConnectionException => "connection_error",
        VllmConstraintException => "constraint_failed",
        VllmRequestException or ArgumentException or NotSupportedException => "invalid_request",
        VllmException => "server_error",
        _ => "error",
    };

    private sealed class Report(Action<ChatBatchProgress> report) : IProgress<ChatBatchProgress>
    {
        void IProgress<ChatBatchProgress>.Report(ChatBatchProgress value) => report(value);
    }
}

/// <summary>The settings of a batch.</summary>
internal sealed record BatchSettings
{
    /// <summary>File of requests; null or <c>-</c> is standard input.</summary>
    public string? Input { get; init; }

    /// <summary>File of results; null or <c>-</c> is standard output, which cannot be resumed.</summary>
    public string? Output { get; init; }

    public string? Errors { get; init; }

    public PromptTemplate? Csv { get; init; }

    public string? System { get; init; }

    public ChatOptions Defaults { get; init; } = new();

    /// <summary>Fingerprint of everything that changes answers.</summary>
    public string Fingerprint { get; init; } = "";

    public Shard Shard { get; init; } = Shard.All;

    public bool InOrder { get; init; } = true;

    public bool Restart { get; init; }

    public bool RetryFailed { get; init; }

    public ChatBatchOptions Run { get; init; } = new();

    public string ErrorPath => Errors ?? Path.ChangeExtension(Output!, ".errors" + Path.GetExtension(Output));

    public string JournalPath => Output + ".journal";
}

/// <summary>The result of a batch.</summary>
internal sealed record BatchSummary(long Done, long Failed, long Before, bool Complete, ChatBatchProgress Progress);

/// <summary>A step of a batch, for the progress display.</summary>
/// <param name="Progress">The progress of the batch.</param>
/// <param name="Before">Requests that an earlier run had done.</param>
/// <param name="Failed">Rows in the file of errors.</param>
internal readonly record struct BatchEvent(ChatBatchProgress Progress, long Before, long Failed);
