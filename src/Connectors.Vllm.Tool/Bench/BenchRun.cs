using System.Diagnostics;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Bench;

/// <summary>Puts one load on a client and times every request.</summary>
internal sealed class BenchRun(IChatClient client, BenchSettings settings, ChatOptions template)
{
    /// <summary>Sends the prompts at the given rate and waits for all.</summary>
    public async Task<BenchResult> RunAsync(double rate, IReadOnlyList<BenchPrompt> prompts, Action<int>? onDone, CancellationToken cancellationToken)
    {
        using var places = new SemaphoreSlim(settings.MaxConcurrency ?? prompts.Count);
        using var gaps = BenchWorkload.Gaps(rate, settings.Burstiness, settings.Seed).GetEnumerator();
        var cpu = Environment.CpuUsage.TotalTime;
        var start = Stopwatch.GetTimestamp();
        var due = TimeSpan.Zero;
        var done = 0;
        var running = new List<Task<BenchSample>>(prompts.Count);
        foreach (var prompt in prompts)
        {
            var wait = due - Stopwatch.GetElapsedTime(start);
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait, cancellationToken).ConfigureAwait(false);
            }

            running.Add(OneAsync(prompt));
            gaps.MoveNext();
            due += TimeSpan.FromSeconds(gaps.Current);
        }

        var samples = await Task.WhenAll(running).ConfigureAwait(false);
        return new BenchResult(rate, Stopwatch.GetElapsedTime(start), Environment.CpuUsage.TotalTime - cpu, samples);

        async Task<BenchSample> OneAsync(BenchPrompt prompt)
        {
            await places.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return await AskAsync(prompt, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                places.Release();
                onDone?.Invoke(Interlocked.Increment(ref done));
            }
        }
    }

    private async Task<BenchSample> AskAsync(BenchPrompt prompt, CancellationToken cancellationToken)
    {
        var options = template.Clone();
        options.MaxOutputTokens = prompt.OutputLength;
        var start = Stopwatch.GetTimestamp();
        var last = start;
        var first = 0d;
        var gaps = new List<double>(prompt.OutputLength);
        UsageDetails? usage = null;
        try
        {
            await foreach (var update in client.GetStreamingResponseAsync([new ChatMessage(ChatRole.User, prompt.Prompt)], options, cancellationToken)
                .ConfigureAwait(false))
            {
                var now = Stopwatch.GetTimestamp();
                foreach (var content in update.Contents)
                {
                    if (content is UsageContent { Details: var details })
                    {
                        usage = details;
                    }
                }

                if (!update.Contents.Any(static content => content is TextContent { Text.Length: > 0 } or TextReasoningContent { Text.Length: > 0 }
                    or FunctionCallContent))
                {
                    continue;
                }

                if (first == 0)
                {
                    first = Stopwatch.GetElapsedTime(start, now).TotalMilliseconds;
                }
                else
                {
                    gaps.Add(Stopwatch.GetElapsedTime(last, now).TotalMilliseconds);
                }

                last = now;
            }
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            return new BenchSample { Error = exception.Message };
        }

        return new BenchSample
        {
            InputTokens = (int)(usage?.InputTokenCount ?? 0),
            OutputTokens = (int)(usage?.OutputTokenCount ?? gaps.Count + 1),
            Ttft = first,
            E2el = Stopwatch.GetElapsedTime(start, last).TotalMilliseconds,
            Itl = gaps,
        };
    }
}

/// <summary>A load to put on a server. Names and meanings are those of <c>vllm bench serve</c>.</summary>
internal sealed record BenchSettings
{
    /// <summary>Requests per load point.</summary>
    public int NumPrompts { get; init; } = 100;

    /// <summary>Loads to try one after the other: arrivals per second (Poisson), or infinity for all at once.</summary>
    public IReadOnlyList<double> RequestRates { get; init; } = [double.PositiveInfinity];

    /// <summary>The maximum number of concurrent requests; others wait in the client, which does not count as latency.</summary>
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

/// <summary>The measurements of one request. Times are in milliseconds since it was sent.</summary>
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
