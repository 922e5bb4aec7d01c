using Connectors.Vllm.Grpc;
using Grpc.Core;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Connectors.Vllm.Aspire.Hosting;

/// <summary>
/// Asks the server over gRPC, and tells a server that still loads its model (degraded: it will come) from a dead one (unhealthy), in the server's own
/// words. <c>WaitFor</c> waits until the check is healthy; the dashboard shows the words.
/// </summary>
internal sealed class VllmServerHealthCheck(Func<Uri?> address) : IHealthCheck, IAsyncDisposable
{
    /// <summary>The message of servers that are loading a model.</summary>
    private static readonly string[] LoadingWords = ["starting", "still connecting"];

    /// <summary>The message of the health service when the engine is dead; calls report it with their status.</summary>
    private static readonly string[] DeadWords = ["not alive", "connection failed"];

    private readonly Lock _lock = new();
    private IVllmEngine? _engine;
    private volatile bool _hasServed;

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (Engine() is not { } engine)
        {
            return HealthCheckResult.Degraded("The server has not been started yet.");
        }

        var health = (await engine.GetEndpointHealthAsync(cancellationToken).ConfigureAwait(false))[0];
        if (!health.IsHealthy)
        {
            return Judge(health);
        }

        _hasServed = true;
        return HealthCheckResult.Healthy("The server accepts requests.");
    }

    public async ValueTask DisposeAsync()
    {
        if (_engine is not null)
        {
            await _engine.DisposeAsync().ConfigureAwait(false);
        }
    }

    private HealthCheckResult Judge(VllmHealth health)
    {
        var exception = health.Exception;
        var words = exception is null ? health.Message : exception.ServerMessage;
        if (exception is { IsEngineDead: true } || Says(words, DeadWords))
        {
            return HealthCheckResult.Unhealthy($"The engine has died; restart the resource. {health.Message}", exception);
        }

        if (Says(words, LoadingWords))
        {
            // The server was restarted.
            _hasServed = false;
            return HealthCheckResult.Degraded($"The model is loading: {words}", exception);
        }

        if (exception is not (null or { StatusCode: StatusCode.Unavailable } or VllmTimeoutException))
        {
            return HealthCheckResult.Unhealthy(health.Message, exception);
        }

        return _hasServed
            ? HealthCheckResult.Unhealthy($"The server accepted requests before, but no longer does: {health.Message}", exception)
            : HealthCheckResult.Degraded(
                words.Length == 0 ? $"The server does not respond yet; it opens its port once its model is loaded. {health.Message}" : words,
                exception);
    }

    private static bool Says(string words, string[] any) => any.Any(word => words.Contains(word, StringComparison.OrdinalIgnoreCase));

    private IVllmEngine? Engine()
    {
        lock (_lock)
        {
            if (_engine is null && address() is { } uri)
            {
                // The check itself is repeated; a retry inside of it would only make its answer late.
                var options = new VllmConnectionOptions { CallTimeout = TimeSpan.FromSeconds(5), Retry = new VllmRetryOptions { MaxRetries = 0 } };
                options.Endpoints.Add(uri);
                _engine = VllmGrpcClient.CreateEngine(options);
            }

            return _engine;
        }
    }
}
