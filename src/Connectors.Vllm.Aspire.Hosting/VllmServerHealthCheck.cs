using Connectors.Vllm.Grpc;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Connectors.Vllm.Aspire.Hosting;

/// <summary>
/// Asks the server over gRPC. A container whose port is not open yet, and a server that still loads its model, are reported in the server's own
/// words, so that the dashboard shows what <c>WaitFor</c> is waiting for.
/// </summary>
internal sealed class VllmServerHealthCheck(Func<CancellationToken, ValueTask<Uri?>> address) : IHealthCheck, IAsyncDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private IVllmEngine? _engine;

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            if (await EngineAsync(cancellationToken).ConfigureAwait(false) is not { } engine)
            {
                return HealthCheckResult.Unhealthy("The endpoint has no address yet.");
            }

            var health = await engine.HealthAsync(cancellationToken).ConfigureAwait(false);
            if (!health.IsHealthy)
            {
                return HealthCheckResult.Unhealthy($"The server answers but takes no requests: {health.Message}");
            }

            var model = await engine.GetModelInfoAsync(cancellationToken).ConfigureAwait(false);
            return HealthCheckResult.Healthy($"Serves '{model.ServedModelName}'.");
        }
        catch (VllmException exception) when (exception.StatusCode == VllmStatusCode.Unavailable)
        {
            return HealthCheckResult.Unhealthy($"Not reachable; a server that loads its model opens its port late: {exception.Message}");
        }
        catch (VllmException exception)
        {
            return HealthCheckResult.Unhealthy(exception.Message, exception);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_engine is not null)
        {
            await _engine.DisposeAsync().ConfigureAwait(false);
        }

        _gate.Dispose();
    }

    private async ValueTask<IVllmEngine?> EngineAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_engine is null && await address(cancellationToken).ConfigureAwait(false) is { } uri)
            {
                var options = new VllmConnectionOptions();
                options.Endpoints.Add(uri);
                _engine = VllmEngineFactory.Create(options);
            }

            return _engine;
        }
        finally
        {
            _gate.Release();
        }
    }
}
