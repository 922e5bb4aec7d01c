using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Connectors.Vllm;

/// <summary>
/// Names of the traces and measurements of this library: what middleware above a chat client cannot see. Spans and metrics of the chat call
/// itself (<c>gen_ai.*</c>) belong to the OpenTelemetry middleware of Microsoft.Extensions.AI.
/// </summary>
public static class VllmTelemetry
{
    /// <summary>
    /// Name of the <see cref="ActivitySource"/>: spans <c>vllm.prepare</c> (render and tokenize) and <c>vllm.load_model</c> (tokenizer and
    /// template).
    /// </summary>
    public const string ActivitySourceName = "Connectors.Vllm";

    /// <summary>Name of the <see cref="Meter"/>.</summary>
    public const string MeterName = "Connectors.Vllm";

    /// <summary>Histogram, seconds: rendering the chat template and tokenizing the prompt.</summary>
    public const string PrepareDuration = "vllm.client.prepare.duration";

    /// <summary>Histogram, seconds: from sending the request to its first token.</summary>
    public const string TimeToFirstToken = "vllm.client.time_to_first_token";

    /// <summary>Histogram, tokens per second: generated tokens after the first, over the time they took.</summary>
    public const string OutputRate = "vllm.client.output_rate";

    /// <summary>Counter, tokens: prompt tokens, with the attribute <c>vllm.cached</c> (true for those found in the server's prefix cache).</summary>
    public const string PromptTokens = "vllm.client.prompt_tokens";

    /// <summary>Counter: requests that this side ended early (cancelled, no longer read, or cut at a stop that only the client knows).</summary>
    public const string Aborts = "vllm.client.aborts";

    /// <summary>
    /// Counter: calls that were sent again because they failed before their first message. Recorded by the engine under <see cref="MeterName"/>.
    /// </summary>
    public const string Retries = "vllm.client.retries";

    internal static ActivitySource Source { get; } = new(ActivitySourceName);

    internal static Meter Meter { get; } = new(MeterName);

    internal static Histogram<double> PrepareSeconds { get; } = Meter
        .CreateHistogram<double>(PrepareDuration, "s", "Rendering and tokenizing a prompt.");

    internal static Histogram<double> FirstTokenSeconds { get; } = Meter
        .CreateHistogram<double>(TimeToFirstToken, "s", "From sending a request to its first token.");

    internal static Histogram<double> TokensPerSecond { get; } = Meter
        .CreateHistogram<double>(OutputRate, "{token}/s", "Generated tokens per second after the first.");

    internal static Counter<long> PromptTokenCount { get; } = Meter.CreateCounter<long>(PromptTokens, "{token}", "Prompt tokens.");

    internal static Counter<long> AbortCount { get; } = Meter.CreateCounter<long>(Aborts, "{request}", "Requests left before their end.");
}
