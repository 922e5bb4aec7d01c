using System.Globalization;
using System.Text.Json;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;
using Spectre.Console;

namespace Connectors.Vllm.Tool.Bench;

/// <summary>Mean and percentiles of a set of measurements.</summary>
internal readonly record struct Statistics(double Mean, double Median, double P90, double P99)
{
    public static Statistics Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? default : new Statistics(sorted.Average(), At(0.5), At(0.9), At(0.99));

        // Between two measurements as NumPy does it by default: on the straight line.
        double At(double share)
        {
            var place = share * (sorted.Length - 1);
            var low = (int)place;
            return low + 1 < sorted.Length ? sorted[low] + ((place - low) * (sorted[low + 1] - sorted[low])) : sorted[low];
        }
    }
}

/// <summary>The results of one workload. Times are in milliseconds, rates per second.</summary>
internal sealed class BenchResult(double rate, TimeSpan duration, TimeSpan cpu, IReadOnlyList<BenchSample> samples)
{
    private readonly List<BenchSample> _good = [.. samples.Where(static sample => sample.Succeeded)];

    public double RequestRate { get; } = rate;

    public TimeSpan Duration { get; } = duration;

    public int Completed => _good.Count;

    public int Failed => samples.Count - _good.Count;

    public string? FirstError => samples.FirstOrDefault(static sample => !sample.Succeeded)?.Error;

    public long InputTokens => _good.Sum(static sample => (long)sample.InputTokens);

    public long OutputTokens => _good.Sum(static sample => (long)sample.OutputTokens);

    public double RequestThroughput => _good.Count / Duration.TotalSeconds;

    public double OutputThroughput => OutputTokens / Duration.TotalSeconds;

    public double TotalThroughput => (InputTokens + OutputTokens) / Duration.TotalSeconds;

    /// <summary>CPU time of this process per output token, in microseconds.</summary>
    public double ClientCpuPerToken => OutputTokens == 0 ? 0 : cpu.TotalMicroseconds / OutputTokens;

    public Statistics Ttft => Statistics.Of(_good.Select(static sample => sample.Ttft));

    public Statistics Tpot => Statistics.Of(_good.Where(static sample => sample.Tpot is not null).Select(static sample => sample.Tpot!.Value));

    public Statistics Itl => Statistics.Of(_good.SelectMany(static sample => sample.Itl));

    public Statistics E2el => Statistics.Of(_good.Select(static sample => sample.E2el));

    /// <summary>Requests per second that kept every limit; null without limits.</summary>
    public double? GoodputOf(IReadOnlyDictionary<string, double> limits) => limits.Count == 0
        ? null
        : _good.Count(sample => limits.All(limit => limit.Key switch
        {
            "ttft" => sample.Ttft <= limit.Value,
            "tpot" => (sample.Tpot ?? 0) <= limit.Value,
            _ => sample.E2el <= limit.Value,
        })) / Duration.TotalSeconds;

    public void WriteTo(Utf8JsonWriter writer, string name, IReadOnlyDictionary<string, double> limits)
    {
        writer.WriteStartObject();
        writer.WriteString("client", name);
        if (double.IsInfinity(RequestRate))
        {
            writer.WriteString("request_rate", "inf");
        }
        else
        {
            writer.WriteNumber("request_rate", RequestRate);
        }

        writer.WriteNumber("duration", Duration.TotalSeconds);
        writer.WriteNumber("completed", Completed);
        writer.WriteNumber("failed", Failed);
        writer.WriteNumber("total_input_tokens", InputTokens);
        writer.WriteNumber("total_output_tokens", OutputTokens);
        writer.WriteNumber("request_throughput", RequestThroughput);
        writer.WriteNumber("output_throughput", OutputThroughput);
        writer.WriteNumber("total_token_throughput", TotalThroughput);
        writer.WriteNumber("client_cpu_us_per_output_token", ClientCpuPerToken);
        if (GoodputOf(limits) is { } goodput)
        {
            writer.WriteNumber("request_goodput", goodput);
        }

        foreach (var (metric, statistics) in new[] { ("ttft", Ttft), ("tpot", Tpot), ("itl", Itl), ("e2el", E2el) })
        {
            writer.WriteNumber($"mean_{metric}_ms", statistics.Mean);
            writer.WriteNumber($"median_{metric}_ms", statistics.Median);
            writer.WriteNumber($"p90_{metric}_ms", statistics.P90);
            writer.WriteNumber($"p99_{metric}_ms", statistics.P99);
        }

        if (FirstError is { } error)
        {
            writer.WriteString("first_error", error);
        }

        writer.WriteEndObject();
    }
}

/// <summary>Shows results: a table on the terminal, and a picture of latency over load.</summary>
internal static class BenchReport
{
    public static void Print(
        IAnsiConsole console, IReadOnlyList<(string Client, BenchResult Result)> results, IReadOnlyDictionary<string, double> limits)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumn("");
        foreach (var (client, result) in results)
        {
            table.AddColumn(new TableColumn(Markup.Escape($"{client}, {RateOf(result)}")).RightAligned());
        }

        Row("completed / failed", static result => $"{result.Completed} / {result.Failed}");
        Row("duration (s)", static result => Number(result.Duration.TotalSeconds));
        Row("requests/s", static result => Number(result.RequestThroughput));
        Row("output tokens/s", static result => Number(result.OutputThroughput));
        Row("total tokens/s", static result => Number(result.TotalThroughput));
        if (limits.Count > 0)
        {
            Row("goodput (requests/s)", result => Number(result.GoodputOf(limits) ?? 0));
        }

        Row("client CPU (µs/token)", static result => Number(result.ClientCpuPerToken));
        Row("TTFT median / p99 (ms)", static result => Pair(result.Ttft));
        Row("TPOT median / p99 (ms)", static result => Pair(result.Tpot));
        Row("ITL median / p99 (ms)", static result => Pair(result.Itl));
        Row("E2EL median / p99 (ms)", static result => Pair(result.E2el));
        console.Write(table);
        foreach (var (client, result) in results.Where(static item => item.Result.FirstError is not null))
        {
            console.MarkupLineInterpolated($"{client}: {result.Failed} failed; first error: {result.FirstError}");
        }

        void Row(string name, Func<BenchResult, string> cell) => table.AddRow([name, .. results.Select(item => cell(item.Result))]);
    }

    /// <summary>An SVG file: time to first token and time per output token over the load, one line per client and percentile.</summary>
    public static void Draw(string path, IReadOnlyList<(string Client, BenchResult Result)> results)
    {
        var plot = new PlotModel { Title = "Latency over load" };
        plot.Legends.Add(new Legend { LegendPosition = LegendPosition.LeftTop });
        plot.Axes.Add(new LinearAxis { Position = AxisPosition.Bottom, Title = "output tokens/s", MinimumPadding = 0.05, MaximumPadding = 0.05 });
        plot.Axes.Add(new LogarithmicAxis { Position = AxisPosition.Left, Title = "ms" });
        foreach (var client in results.GroupBy(static item => item.Client))
        {
            Line("TTFT median", static result => result.Ttft.Median, LineStyle.Solid);
            Line("TTFT p99", static result => result.Ttft.P99, LineStyle.Dash);
            Line("TPOT median", static result => result.Tpot.Median, LineStyle.Solid);
            Line("TPOT p99", static result => result.Tpot.P99, LineStyle.Dash);

            void Line(string name, Func<BenchResult, double> value, LineStyle style)
            {
                var line = new LineSeries { Title = $"{client.Key} {name}", MarkerType = MarkerType.Circle, LineStyle = style };
                line.Points.AddRange(
                    client.Where(item => item.Result.Completed > 0 && value(item.Result) > 0).OrderBy(static item => item.Result.OutputThroughput)
                    .Select(item => new DataPoint(item.Result.OutputThroughput, value(item.Result))));
                plot.Series.Add(line);
            }
        }

        using var file = File.Create(path);
        new SvgExporter { Width = 900, Height = 560 }.Export(plot, file);
    }

    private static string RateOf(BenchResult result) => double.IsInfinity(result.RequestRate) ? "all at once" : $"{Number(result.RequestRate)}/s";

    private static string Pair(Statistics statistics) => $"{Number(statistics.Median)} / {Number(statistics.P99)}";

    private static string Number(double number) => number.ToString(Math.Abs(number) >= 100 ? "N0" : "0.##", CultureInfo.InvariantCulture);
}
