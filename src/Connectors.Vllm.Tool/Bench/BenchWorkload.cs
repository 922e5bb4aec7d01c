using System.Text.Json;
using System.Text;
using Connectors.Vllm.Tokenizers;
using Connectors.Vllm.Tool.Terminal;

namespace Connectors.Vllm.Tool.Bench;

/// <summary>Creates the prompts of a workload: random text of given lengths, or a file of prompts.</summary>
internal static class BenchWorkload
{
    /// <summary>Creates prompts of random words, counted with the model's own tokenizer. The same seed creates the same prompts.</summary>
    public static List<BenchPrompt> Random(BenchSettings settings, VllmTokenizer tokenizer)
    {
        var random = new Random(settings.Seed);
        var prefix = Words(random, settings.PrefixLength, tokenizer);
        return [.. Enumerable.Range(0, settings.NumPrompts).Select(_ => new BenchPrompt(
            prefix + Words(random, Vary(random, settings.InputLength, settings.RangeRatio), tokenizer),
            Vary(random, settings.OutputLength, settings.RangeRatio)))];
    }

    /// <summary>JSON Lines with <c>prompt</c> and, if wanted, <c>output_tokens</c>; repeated until there are enough.</summary>
    /// <exception cref="ToolException">The file has no prompts.</exception>
    public static List<BenchPrompt> FromFile(string path, BenchSettings settings)
    {
        List<BenchPrompt> prompts;
        try
        {
            prompts = [.. File.ReadLines(path).Where(static line => !string.IsNullOrWhiteSpace(line)).Select(line =>
            {
                using var document = JsonDocument.Parse(line);
                return new BenchPrompt(
                    document.RootElement.GetProperty("prompt").GetString()!,
                    document.RootElement.TryGetProperty("output_tokens", out var tokens) ? tokens.GetInt32() : settings.OutputLength);
            })];
        }
        catch (Exception exception)
            when (exception is IOException or UnauthorizedAccessException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new ToolException(
                $"--dataset {path}: lines such as {{\"prompt\": \"…\", \"output_tokens\": 100}} were expected; {exception.Message}");
        }

        return prompts.Count == 0
            ? throw new ToolException($"--dataset {path} is empty.")
            : [.. Enumerable.Range(0, settings.NumPrompts).Select(index => prompts[index % prompts.Count])];
    }

    /// <summary>Gets the intervals between arrivals in seconds, gamma distributed with the mean of the rate.</summary>
    public static IEnumerable<double> Gaps(double rate, double burstiness, int seed)
    {
        var random = new Random(seed);
        while (true)
        {
            yield return double.IsInfinity(rate) ? 0 : Gamma(random, burstiness) / (burstiness * rate);
        }
    }

    private static int Vary(Random random, int length, double ratio) =>
        Math.Max(1, (int)Math.Round(length * (1 + (ratio * ((2 * random.NextDouble()) - 1)))));

    private static string Words(Random random, int tokens, VllmTokenizer tokenizer)
    {
        if (tokens <= 0)
        {
            return "";
        }

        // Words of random letters have a few tokens each; the text is truncated at the requested number.
        var text = new StringBuilder();
        while (text.Length < tokens * 2)
        {
            for (var letters = random.Next(2, 8); letters > 0; letters--)
            {
                text.Append((char)('a' + random.Next(26)));
            }

            text.Append(' ');
        }

        var all = text.ToString();
        var low = 0;
        var high = all.Length;
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            if (tokenizer.CountTokens(all[..middle]) <= tokens)
            {
                low = middle;
            }
            else
            {
                high = middle - 1;
            }
        }

        return all[..low];
    }

    /// <summary>A gamma distributed number of the given shape and scale 1 (Marsaglia and Tsang, 2000).</summary>
    private static double Gamma(Random random, double shape)
    {
        if (shape < 1)
        {
            return Gamma(random, shape + 1) * Math.Pow(1 - random.NextDouble(), 1 / shape);
        }

        var d = shape - (1.0 / 3);
        var c = 1 / Math.Sqrt(9 * d);
        while (true)
        {
            // A normally distributed number (Box and Muller, 1958).
            var x = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            var v = Math.Pow(1 + (c * x), 3);
            if (v > 0 && Math.Log(1 - random.NextDouble()) < (0.5 * x * x) + d - (d * v) + (d * Math.Log(v)))
            {
                return d * v;
            }
        }
    }
}
