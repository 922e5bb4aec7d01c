using System.Diagnostics;
using Connectors.Vllm.OutputParsing;

namespace Connectors.Vllm.Benchmarks.Parse;

/// <summary>
/// Output that no model should write: markers without an end, brackets without a partner, beginnings of markers, over and over. For every format, the
/// worst of them at 100 KB, and how much longer four times as much takes (4 is linear).
/// </summary>
internal static class HostileOutputs
{
    private const int Size = 100_000;

    private static readonly string[] Pieces =
    [
        "<tool_call>", "<tool_call>{\"a\":\"", "{\"name\":", "[f(", "<", "</parameter>\n<parameter=x>", "{\"a\":[", "{", "[", "\"", "\\", "\n", " ",
        "a", "<think>", "</think>",
        "<|channel|>", "<invoke name=\"a\">", "<parameter=", "<arg_key>", "[f(a=[", "'", "(", "<|", "</",
    ];

    public static void Measure(string tools)
    {
        var format = OutputFormat.FromNames(tools, ParseBenchmark.ReasoningOf(tools));
        string[] openers = [.. format.Tools.Openers, .. format.Tools.StartOpeners];
        string[] pieces = [.. Pieces, .. openers, .. format.Tools.Drops.Where(static marker => marker.Length > 0)];
        var worst = (Milliseconds: 0.0, Piece: "", Opener: "");
        foreach (var opener in (string[])["", .. openers.Take(1)])
        {
            foreach (var piece in pieces.Distinct())
            {
                var time = Time(format, opener + ParseBenchmark.Fill(piece, Size));
                worst = time > worst.Milliseconds ? (time, piece, opener) : worst;
            }
        }

        var large = Time(format, worst.Opener + ParseBenchmark.Fill(worst.Piece, 4 * Size));
        JsonReport.Print(
            ("benchmark", "parse_hostile"),
            ("tools", tools),
            ("outputs", pieces.Length * 2),
            ("worst_piece", (worst.Opener + " " + worst.Piece).Trim().ReplaceLineEndings("\\n")),
            ("worst_ms", worst.Milliseconds),
            ("ratio_of_four_times_the_size", large / worst.Milliseconds));
    }

    // The best of a few: what the parser needs, not what the machine adds.
    private static double Time(OutputFormat format, string output)
    {
        var pieces = ParseBenchmark.Cut(output);
        var best = double.MaxValue;
        for (var round = 0; round < 4; round++)
        {
            var start = Stopwatch.GetTimestamp();
            ParseBenchmark.Run(format, pieces);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return best;
    }
}
