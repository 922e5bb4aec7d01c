using Connectors.Vllm.Grpc.Protocol.Health;
using Google.Protobuf;
using Grpc.Core;
using Engine = Connectors.Vllm.Grpc.Protocol.Engine;
using Inference = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Detects the protocol of a server with calls that have no side effects. Only UNIMPLEMENTED leads to the next probe; a server that cannot be reached
/// is an error.
/// </summary>
internal static class ProtocolDetector
{
    private static readonly (string Name, string Service)[] OtherEngines =
    [
        ("SGLang", "sglang.grpc.scheduler.SglangScheduler"),
        ("TensorRT-LLM", "trtllm.TrtllmService"),
    ];

    private static readonly TimeSpan ProbeTimeout = TimeSpan.FromSeconds(5);

    public static async Task<VllmProtocol> DetectAsync(ServerChannel channel, CancellationToken cancellationToken)
    {
        if (await HasMethodAsync(channel, VllmEngineMethods.HealthCheck, new Engine.HealthCheckRequest(), cancellationToken).ConfigureAwait(false))
        {
            return VllmProtocol.VllmEngine;
        }

        if (await HasMethodAsync(channel, InferenceMethods.GetServerInfo, new Inference.GetServerInfoRequest(), cancellationToken)
            .ConfigureAwait(false))
        {
            return VllmProtocol.Inference;
        }

        // A server may run without the control service.
        if (await HasInferenceServiceAsync(channel, cancellationToken).ConfigureAwait(false)
            || await HasGenerateAsync(channel, isLegacy: false, cancellationToken).ConfigureAwait(false))
        {
            return VllmProtocol.Inference;
        }

        if (await HasGenerateAsync(channel, isLegacy: true, cancellationToken).ConfigureAwait(false))
        {
            return VllmProtocol.LegacyInference;
        }

        if (await FindOtherEngineAsync(channel, cancellationToken).ConfigureAwait(false) is { } other)
        {
            throw new VllmConnectionException(
                $"{channel.Endpoint} is {other.Name} ({other.Service}), which this library does not support: it speaks vLLM's gRPC protocols.")
            {
                StatusCode = StatusCode.Unimplemented,
                Endpoint = channel.Endpoint,
            };
        }

        throw new VllmConnectionException(
            $"{channel.Endpoint} speaks gRPC, but none of vLLM's protocols: vllm.grpc.engine.VllmEngine, vllm.Inference, vllm.Control and "
            + $"vllm.Generate are all unknown to it.")
        {
            StatusCode = StatusCode.Unimplemented,
            Endpoint = channel.Endpoint,
        };
    }

    /// <summary>Finds other engines that have a health check of the same shape as vLLM's.</summary>
    private static async Task<(string Name, string Service)?> FindOtherEngineAsync(ServerChannel channel, CancellationToken cancellationToken)
    {
        foreach (var (name, service) in OtherEngines)
        {
            var method = VllmEngineMethods.GetHealthCheck(service);
            if (await HasMethodAsync(channel, method, new Engine.HealthCheckRequest(), cancellationToken).ConfigureAwait(false))
            {
                return (name, service);
            }
        }

        return null;
    }

    private static async Task<bool> HasInferenceServiceAsync(ServerChannel channel, CancellationToken cancellationToken)
    {
        try
        {
            var response = await channel.UnaryAsync(
                InferenceMethods.HealthCheck,
                new HealthCheckRequest { Service = InferenceMethods.InferenceService },
                NewCall(channel),
                cancellationToken).ConfigureAwait(false);
            return response.Status is HealthCheckResponse.Types.ServingStatus.Serving or HealthCheckResponse.Types.ServingStatus.NotServing;
        }
        catch (VllmRequestException)
        {
            return false;
        }
    }

    /// <summary>Sends an empty generation request, which the server refuses as INVALID_ARGUMENT.</summary>
    private static Task<bool> HasGenerateAsync(ServerChannel channel, bool isLegacy, CancellationToken cancellationToken)
    {
        return HasMethodAsync(SendAsync);

        async Task SendAsync()
        {
            using var call = new StreamCall<object>(
                InferenceMethods.Probe(isLegacy),
                new Inference.GenerateRequest(),
                NewCall(channel),
                channel.Options.MaxSendMessageBytes,
                cancellationToken);
            while (await call.MoveNextAsync().ConfigureAwait(false))
            {
            }
        }
    }

    private static Task<bool> HasMethodAsync<T>(
        ServerChannel channel, Method<OutgoingMessage, T> method, IMessage request, CancellationToken cancellationToken)
        where T : class => HasMethodAsync(() => channel.UnaryAsync(method, request, NewCall(channel), cancellationToken));

    /// <summary>Any answer other than UNIMPLEMENTED means that the method exists.</summary>
    private static async Task<bool> HasMethodAsync(Func<Task> call)
    {
        try
        {
            await call().ConfigureAwait(false);
            return true;
        }
        catch (VllmRequestException exception)
        {
            return exception.StatusCode != StatusCode.Unimplemented;
        }
        catch (VllmException exception)
            when (exception.IsEngineDead || exception is { StatusCode: StatusCode.Internal, ServerMessage.Length: > 0 })
        {
            return true;
        }
    }

    private static CallContext NewCall(ServerChannel channel)
    {
        var limit = channel.Options.CallTimeout;
        return new()
        {
            Channel = channel,
            Timeout = limit > TimeSpan.Zero && limit < ProbeTimeout ? limit : ProbeTimeout,
            TimeoutHint = " Is the address right, and reachable from here? This was a call to detect the server's protocol, which waits "
                + $"{ProbeTimeout.TotalSeconds} s at most; {nameof(VllmConnectionOptions.Protocol)} sets the protocol without such calls.",
        };
    }
}
