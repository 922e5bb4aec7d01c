using System.Globalization;
using Connectors.Vllm.Tool.Terminal;
using Spectre.Console;

namespace Connectors.Vllm.Tool.Batch;

/// <summary>
/// Shows the progress of a batch on standard error: a line that is updated on a terminal, an occasional line in a log, JSON lines for programs.
/// Thread-safe.
/// </summary>
internal sealed class BatchDisplay : IDisposable
{
    private readonly bool _json;
    private readonly long? _total;
    private readonly bool _live;
    private readonly TimeSpan _interval;
    private readonly Lock _gate = new();
    private readonly IAnsiConsole _console = ErrorConsole.Create();
    private DateTimeOffset _next;
    private int _width;

    /// <param name="json">JSON lines instead of text.</param>
    /// <param name="total">Requests in the input; null when that is not known beforehand.</param>
    public BatchDisplay(bool json, long? total)
    {
        _total = total;
        _json = json;
        _live = !json && !Console.IsErrorRedirected;
        _interval = _live ? TimeSpan.FromMilliseconds(200) : TimeSpan.FromSeconds(10);
    }

    public void Show(BatchEvent step)
    {
        lock (_gate)
        {
            var now = DateTimeOffset.UtcNow;
            if (now < _next)
            {
                return;
            }

            _next = now + _interval;
            if (_json)
            {
                Console.Error.WriteLine(Json("progress", step.Progress, step.Before, step.Failed, null));
            }
            else
            {
                Write(Line(step));
            }
        }
    }

    public void Complete(BatchSummary summary)
    {
        lock (_gate)
        {
            if (_json)
            {
                Console.Error.WriteLine(Json("summary", summary.Progress, summary.Before, summary.Failed, summary.Complete));
                return;
            }

            EndLine();
            var progress = summary.Progress;
            var table = new Table().Border(TableBorder.Simple).HideHeaders().AddColumns("", "");
            table.AddRow("answered", Number(progress.Succeeded) + (summary.Before > 0 ? $" (and {Number(summary.Before)} by an earlier run)" : ""));
            table.AddRow("failed", summary.Failed > 0 ? $"[red]{Number(summary.Failed)}[/]" : "0");
            table.AddRow("retries", Number(progress.Retries));
            table.AddRow("prompt tokens", Number(progress.InputTokens) + Share(progress.CachedInputTokens, progress.InputTokens));
            table.AddRow("output tokens", Number(progress.OutputTokens));
            table.AddRow("time", progress.Elapsed.ToString(@"hh\:mm\:ss", CultureInfo.InvariantCulture));
            table.AddRow("output tokens/s", Number((long)Rate(progress)));
            _console.Write(table);
            if (!summary.Complete)
            {
                _console.MarkupLine("Stopped before the end; run the same command to continue.");
            }
        }
    }

    public void Dispose() => EndLine();

    private string Line(BatchEvent step)
    {
        var progress = step.Progress;
        var done = progress.Succeeded + progress.Failed;
        var perSecond = progress.Elapsed > TimeSpan.Zero ? done / progress.Elapsed.TotalSeconds : 0;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Bar(step.Before + done, done, progress.Elapsed)}{progress.Running} of {progress.Parallelism} running, {perSecond:F1} "
                + $"requests/s, {Rate(progress):N0} tokens/s, {step.Failed:N0} failed, {progress.Retries:N0} retried");
    }

    /// <summary>How far, and how long it will take at the pace so far.</summary>
    private string Bar(long all, long done, TimeSpan elapsed)
    {
        if (_total is not > 0)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{all:N0} done, ");
        }

        var share = Math.Min(1, (double)all / _total.Value);
        var bar = new string('#', (int)(20 * share)).PadRight(20, '.');
        var left = done > 0 ? TimeSpan.FromSeconds(elapsed.TotalSeconds / done * (_total.Value - all))
            .ToString(@"hh\:mm\:ss", CultureInfo.InvariantCulture) : "?";
        return string.Create(CultureInfo.InvariantCulture, $"[{bar}] {all:N0} of {_total:N0}, {left} left, ");
    }

    private static double Rate(ChatBatchProgress progress) => progress.Elapsed > TimeSpan.Zero
        ? progress.OutputTokens / progress.Elapsed.TotalSeconds
        : 0;

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Share(long part, long whole) => whole == 0
        ? ""
        : string.Create(CultureInfo.InvariantCulture, $" ({100.0 * part / whole:F0} % from the prefix cache)");

    private string Json(string kind, ChatBatchProgress progress, long before, long failed, bool? complete) => JsonLine.Of(writer =>
    {
        writer.WriteString("event", kind);
        writer.WriteNumber("answered", progress.Succeeded);
        writer.WriteNumber("answered_before", before);
        writer.WriteNumber("failed", failed);
        if (_total is { } total)
        {
            writer.WriteNumber("total", total);
        }

        writer.WriteNumber("retries", progress.Retries);
        writer.WriteNumber("running", progress.Running);
        writer.WriteNumber("parallelism", progress.Parallelism);
        writer.WriteNumber("prompt_tokens", progress.InputTokens);
        writer.WriteNumber("cached_tokens", progress.CachedInputTokens);
        writer.WriteNumber("output_tokens", progress.OutputTokens);
        writer.WriteNumber("seconds", Math.Round(progress.Elapsed.TotalSeconds, 3));
        if (complete is { } all)
        {
            writer.WriteBoolean("complete", all);
        }
    });

    private void Write(string line)
    {
        if (!_live)
        {
            Console.Error.WriteLine(line);
            return;
        }

        var shown = line.Length < Console.WindowWidth ? line : line[..Math.Max(0, Console.WindowWidth - 1)];
        Console.Error.Write('\r' + shown.PadRight(_width));
        _width = shown.Length;
    }

    private void EndLine()
    {
        if (_width > 0)
        {
            Console.Error.WriteLine();
            _width = 0;
        }
    }
}
