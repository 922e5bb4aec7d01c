using System.Globalization;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;
using OxyPlot;
using Spectre.Console;

namespace Connectors.Vllm.Tool.Bench;

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
            console.MarkupLineInterpolated($"{client}: {result.Failed} failed, the first with: {result.FirstError}");
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
