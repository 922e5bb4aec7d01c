using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Connectors.Vllm;

/// <summary>
/// The names of the traces and metrics of this library, which cover what middleware around a chat client cannot observe. Spans and metrics of the
/// chat call itself (<c>gen_ai.*</c>) come from the OpenTelemetry middleware of Microsoft.Extensions.AI.
/// </summary>
public static class VllmTelemetry
{
    /// <summary>
    /// The name of the <see cref="ActivitySource"/>, with the spans <c>vllm.prepare</c> (render and tokenize) and <c>vllm.load_model</c> (tokenizer
    /// and template).
    /// </summary>
    public const string ActivitySourceName = "Connectors.Vllm";

    /// <summary>The name of the <see cref="Meter"/>.</summary>
    public const string MeterName = "Connectors.Vllm";

    /// <summary>A histogram in seconds: the time to render the chat template and tokenize the prompt.</summary>
    public const string PrepareDuration = "vllm.client.prepare.duration";

    /// <summary>A histogram in seconds: the time from sending the request to its first token.</summary>
    public const string TimeToFirstToken = "vllm.client.time_to_first_token";

    /// <summary>A histogram in tokens per second: the generated tokens after the first one, over the time they took.</summary>
    public const string OutputRate = "vllm.client.output_rate";

    /// <summary>A counter of prompt tokens, with the attribute <c>vllm.cached</c> (true for those found in the server's prefix cache).</summary>
    public const string PromptTokens = "vllm.client.prompt_tokens";

    /// <summary>
    /// A counter of requests that the client ended early (cancelled, no longer enumerated, or ended at a stop string that only the client checks).
    /// </summary>
    public const string Aborts = "vllm.client.aborts";

    /// <summary>
    /// A counter of calls that were retried because they failed before their first message. Recorded by the engine under <see cref="MeterName"/>.
    /// </summary>
    public const string Retries = "vllm.client.retries";

    internal static ActivitySource Source { get; } = new(ActivitySourceName);

    internal static Meter Meter { get; } = new(MeterName);

    internal static Histogram<double> PrepareSeconds { get; } = Meter
        .CreateHistogram<double>(PrepareDuration, "s", "The time to render and tokenize a prompt.");

    internal static Histogram<double> FirstTokenSeconds { get; } = Meter
        .CreateHistogram<double>(TimeToFirstToken, "s", "The time from sending a request to its first token.");

    internal static Histogram<double> TokensPerSecond { get; } = Meter
        .CreateHistogram<double>(OutputRate, "{token}/s", "Generated tokens per second after the first.");

    internal static Counter<long> PromptTokenCount { get; } = Meter.CreateCounter<long>(PromptTokens, "{token}", "Prompt tokens.");

    internal static Counter<long> AbortCount { get; } = Meter.CreateCounter<long>(Aborts, "{request}", "Requests that the client ended early.");
}
