using Connectors.Vllm;
using Microsoft.Extensions.Diagnostics.HealthChecks;

#pragma warning disable IDE0130 // Registration methods live where every application already looks.
namespace Microsoft.Extensions.DependencyInjection;
#pragma warning restore IDE0130

// The health check of what the other half registers.
public static partial class VllmGrpcServiceCollectionExtensions
{
    /// <summary>
    /// Adds a check of the registered server: whether its endpoints take requests, and whether the model's tokenizer and template can be used (they
    /// are loaded by
    /// the first check). Call it after the registration of the server.
    /// </summary>
    /// <param name="builder">The health checks.</param>
    /// <param name="name">The check's name; <see langword="null"/> is <c>vllm</c>, or <c>vllm:KEY</c> with a key.</param>
    /// <param name="serviceKey">The key of the registration to check; <see langword="null"/> checks those without a key.</param>
    /// <param name="failureStatus">
    /// The status of a failure; <see langword="null"/> is unhealthy. When only some endpoints are healthy, the status is degraded.
    /// </param>
    /// <param name="tags">Tags to select checks by.</param>
    /// <param name="timeout">Limit for the check; <see langword="null"/> leaves it to the connection's own limits.</param>
    /// <returns>The health checks.</returns>
    /// <exception cref="InvalidOperationException">No server is registered under <paramref name="serviceKey"/>.</exception>
    public static IHealthChecksBuilder AddVllmGrpc(
        this IHealthChecksBuilder builder,
        string? name = null,
        object? serviceKey = null,
        HealthStatus? failureStatus = null,
        IEnumerable<string>? tags = null,
        TimeSpan? timeout = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var registrations = VllmRegistration.Find(builder.Services, serviceKey);
        if (registrations.Count == 0)
        {
            throw new InvalidOperationException(serviceKey is null
                ? "No vLLM server is registered: call services.AddVllmGrpc(…) before AddHealthChecks().AddVllmGrpc()."
                : $"No vLLM server is registered under the key '{serviceKey}': call "
                    + $"services.AddKeyedVllmGrpc({(serviceKey is string ? $"\"{serviceKey}\"" : serviceKey)}, …) before the health check.");
        }

        return builder.Add(new HealthCheckRegistration(
            name ?? (serviceKey is null ? "vllm" : $"vllm:{serviceKey}"),
            provider => new VllmHealthCheck([.. registrations.Select(registration => registration.Runtime(provider))]),
            failureStatus,
            tags,
            timeout));
    }
}
