using System.Diagnostics.Metrics;

namespace Connectors.Vllm.Grpc;

/// <summary>Measurements that only the engine can make. They belong to the meter of the whole library, whose names the package above documents.</summary>
internal static class EngineTelemetry
{
    private static readonly Meter Meter = new("Connectors.Vllm");

    /// <summary>Calls that were sent again because they failed before their first message.</summary>
    public static Counter<long> Retries { get; } = Meter.CreateCounter<long>("vllm.client.retries", "{call}", "Calls sent again.");
}
