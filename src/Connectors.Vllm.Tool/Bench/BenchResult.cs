using System.Text.Json;

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

/// <summary>What one load brought. Times in milliseconds, rates per second.</summary>
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
