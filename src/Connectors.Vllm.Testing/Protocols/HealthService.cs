using Connectors.Vllm.Grpc.Protocol.Health;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.Protocols;

/// <summary><c>grpc.health.v1.Health</c>.</summary>
/// <param name="services">The registered services.</param>
/// <param name="isServing">Whether the services are serving.</param>
/// <param name="watchStaysOpen">
/// Whether Watch reports changes; the Python servicer of the VllmEngine protocol sends one message and ends the stream.
/// </param>
internal sealed class HealthService(IReadOnlyList<string> services, Func<bool> isServing, bool watchStaysOpen = true)
{
    private static readonly TimeSpan WatchInterval = TimeSpan.FromMilliseconds(50);

    public void AddTo(Dictionary<string, RpcMethod> methods)
    {
        methods["/grpc.health.v1.Health/Check"] = new(HealthCheckRequest.Parser, CheckAsync);
        methods["/grpc.health.v1.Health/Watch"] = new(HealthCheckRequest.Parser, WatchAsync);
    }

    private async Task CheckAsync(GrpcCall call, CapturedRequest captured)
    {
        var service = captured.As<HealthCheckRequest>().Service;
        if (!services.Contains(service))
        {
            throw RpcFailure.NotFound(watchStaysOpen ? "service not registered" : $"Unknown service: {service}");
        }

        await call.WriteAsync(Current()).ConfigureAwait(false);
    }

    private async Task WatchAsync(GrpcCall call, CapturedRequest captured)
    {
        var service = captured.As<HealthCheckRequest>().Service;
        if (!services.Contains(service))
        {
            if (watchStaysOpen)
            {
                throw RpcFailure.NotFound("service not registered");
            }

            await call.WriteAsync(new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.ServiceUnknown }).ConfigureAwait(false);
            return;
        }

        var last = Current();
        await call.WriteAsync(last).ConfigureAwait(false);
        while (watchStaysOpen)
        {
            await Task.Delay(WatchInterval, call.Cancelled).ConfigureAwait(false);
            var now = Current();
            if (now.Status != last.Status)
            {
                last = now;
                await call.WriteAsync(now).ConfigureAwait(false);
            }
        }
    }

    private HealthCheckResponse Current() => new()
    {
        Status = isServing() ? HealthCheckResponse.Types.ServingStatus.Serving : HealthCheckResponse.Types.ServingStatus.NotServing,
    };
}
