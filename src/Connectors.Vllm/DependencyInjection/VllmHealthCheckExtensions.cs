using Connectors.Vllm;
using Connectors.Vllm.Grpc;
using Microsoft.Extensions.Diagnostics.HealthChecks;

#pragma warning disable IDE0130 // Registration methods live where every application already looks.
namespace Microsoft.Extensions.DependencyInjection;
#pragma warning restore IDE0130

/// <summary>Health checks for vLLM servers that <see cref="VllmGrpcServiceCollectionExtensions"/> registered.</summary>
public static class VllmHealthCheckExtensions
{
    /// <summary>Adds a check that asks the server (not the model) whether it takes requests.</summary>
    /// <param name="builder">The health checks.</param>
    /// <param name="name">The check's name; null is <c>vllm</c>, or <c>vllm:KEY</c> with a key.</param>
    /// <param name="serviceKey">The key of the registration to check; null checks the one without a key.</param>
    /// <param name="failureStatus">What a failure counts as; null is unhealthy.</param>
    /// <param name="tags">Tags to select checks by.</param>
    /// <param name="timeout">Limit for the check; null leaves it to the connection's own.</param>
    /// <returns>The health checks.</returns>
    public static IHealthChecksBuilder AddVllmGrpc(
        this IHealthChecksBuilder builder,
        string? name = null,
        object? serviceKey = null,
        HealthStatus? failureStatus = null,
        IEnumerable<string>? tags = null,
        TimeSpan? timeout = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Add(new HealthCheckRegistration(
            name ?? (serviceKey is null ? "vllm" : $"vllm:{serviceKey}"),
            provider => new VllmHealthCheck((IVllmEngine)(serviceKey is null
                ? provider.GetRequiredService<VllmChatClient>()
                : provider.GetRequiredKeyedService<VllmChatClient>(serviceKey)).GetService(typeof(IVllmEngine))!),
            failureStatus,
            tags,
            timeout));
    }
}
