namespace Connectors.Vllm.Tool.Bench;

/// <summary>A load to put on a server. Names and meanings are those of <c>vllm bench serve</c>.</summary>
internal sealed record BenchSettings
{
    /// <summary>Requests per load point.</summary>
    public int NumPrompts { get; init; } = 100;

    /// <summary>Loads to try one after the other: arrivals per second (Poisson), or infinity for all at once.</summary>
    public IReadOnlyList<double> RequestRates { get; init; } = [double.PositiveInfinity];

    /// <summary>Most requests under way; more wait here, and their wait does not count.</summary>
    public int? MaxConcurrency { get; init; }

    /// <summary>1 is a Poisson process; smaller comes in bursts, larger evenly (gamma distributed gaps).</summary>
    public double Burstiness { get; init; } = 1;

    public int InputLength { get; init; } = 256;

    public int OutputLength { get; init; } = 128;

    /// <summary>Lengths vary evenly by this share around the given ones, 0 to 1.</summary>
    public double RangeRatio { get; init; }

    /// <summary>Tokens at the beginning that all prompts share.</summary>
    public int PrefixLength { get; init; }

    /// <summary>Limits a request must keep to count as good; milliseconds by name (ttft, tpot, e2el).</summary>
    public IReadOnlyDictionary<string, double> Goodput { get; init; } = new Dictionary<string, double>();

    public int Seed { get; init; }
}

/// <summary>One request of the load.</summary>
/// <param name="Prompt">The text of the user message.</param>
/// <param name="OutputLength">Tokens to generate.</param>
internal sealed record BenchPrompt(string Prompt, int OutputLength);

/// <summary>What one request took. Times are since it was sent, in milliseconds.</summary>
internal sealed record BenchSample
{
    public bool Succeeded => Error is null;

    public string? Error { get; init; }

    public int InputTokens { get; init; }

    public int OutputTokens { get; init; }

    /// <summary>Time to first token.</summary>
    public double Ttft { get; init; }

    /// <summary>From sending to the end.</summary>
    public double E2el { get; init; }

    /// <summary>Gaps between the pieces of the answer.</summary>
    public IReadOnlyList<double> Itl { get; init; } = [];

    /// <summary>Time per output token after the first; null for answers of one token.</summary>
    public double? Tpot => OutputTokens > 1 ? (E2el - Ttft) / (OutputTokens - 1) : null;
}
