using Connectors.Vllm.Grpc;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Connectors.Vllm;

/// <summary>Asks a server about its health. Fails within the connection's call timeout.</summary>
internal sealed class VllmHealthCheck(IVllmEngine engine) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            var health = await engine.HealthAsync(cancellationToken).ConfigureAwait(false);
            return health.IsHealthy
                ? HealthCheckResult.Healthy($"{engine.Endpoint}: {health.Message}")
                : new HealthCheckResult(context.Registration.FailureStatus, $"{engine.Endpoint}: {health.Message}");
        }
        catch (VllmException error)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, error.Message, error);
        }
    }
}
