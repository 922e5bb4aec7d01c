using System.Globalization;
using Connectors.Vllm.Grpc;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Connectors.Vllm;

/// <summary>
/// Asks every endpoint of the registrations under one key. All healthy and the model usable: healthy. Some healthy: degraded. None, or a model whose
/// tokenizer or template cannot be used: the failure status.
/// </summary>
internal sealed class VllmHealthCheck(IReadOnlyList<VllmRuntime> runtimes) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var endpoints = (await Task.WhenAll(runtimes.Select(runtime => runtime.Engine.GetEndpointHealthAsync(cancellationToken)))
            .ConfigureAwait(false))
            .SelectMany(static healths => healths).ToList();
        var healthy = endpoints.Count(static endpoint => endpoint.IsHealthy);
        var data = new Dictionary<string, object>(StringComparer.Ordinal);
        foreach (var endpoint in endpoints)
        {
            data[$"{endpoint.Endpoint}"] = endpoint.IsHealthy ? "healthy" : endpoint.Message;
        }

        var sick = endpoints.FirstOrDefault(static endpoint => !endpoint.IsHealthy);
        if (healthy == 0)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, $"{sick?.Endpoint}: {sick?.Message}", sick?.Exception, data);
        }

        // A server that answers is of no use to a client that cannot make its prompts.
        try
        {
            foreach (var runtime in runtimes)
            {
                data["model"] = (await runtime.GetProfileAsync(cancellationToken).ConfigureAwait(false)).ModelId;
            }
        }
        catch (VllmException exception)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, exception.Message, exception, data);
        }

        return healthy == endpoints.Count
            ? HealthCheckResult.Healthy(endpoints.Count == 1 ? $"{endpoints[0].Endpoint}: {endpoints[0].Message}" : Count("endpoints are healthy"),
                data)
            : HealthCheckResult.Degraded(Count("endpoints are healthy") + $"; {sick!.Endpoint}: {sick.Message}", sick.Exception, data);

        string Count(string text) => string.Create(CultureInfo.InvariantCulture, $"{healthy} of {endpoints.Count} {text}");
    }
}
