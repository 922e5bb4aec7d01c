using Connectors.Vllm.Grpc.Protocol.Health;
using Google.Protobuf;
using Grpc.Core;
using Engine = Connectors.Vllm.Grpc.Protocol.Engine;
using Inference = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Finds out which protocol a server speaks, with calls that change nothing. Only "method unknown" in a gRPC answer moves on to the
/// next question; a server that cannot be reached is an error and not an answer.
/// </summary>
internal static class ProtocolDetector
{
    private static readonly (string Name, string Service)[] Strangers =
    [
        ("SGLang", "sglang.grpc.scheduler.SglangScheduler"),
        ("TensorRT-LLM", "trtllm.TrtllmService"),
    ];

    private static readonly TimeSpan ProbeTimeout = TimeSpan.FromSeconds(5);

    public static async Task<VllmProtocol> DetectAsync(ServerChannel channel, CancellationToken cancellationToken)
    {
        if (await KnowsAsync(channel, VllmEngineMethods.HealthCheck, new Engine.HealthCheckRequest(), cancellationToken).ConfigureAwait(false))
        {
            return VllmProtocol.VllmEngine;
        }

        if (await KnowsAsync(channel, InferenceMethods.GetServerInfo, new Inference.GetServerInfoRequest(), cancellationToken).ConfigureAwait(false))
        {
            return VllmProtocol.Inference;
        }

        // The control service may be left unmounted.
        if (await ServesInferenceAsync(channel, cancellationToken).ConfigureAwait(false)
            || await GeneratesAsync(channel, isLegacy: false, cancellationToken).ConfigureAwait(false))
        {
            return VllmProtocol.Inference;
        }

        if (await GeneratesAsync(channel, isLegacy: true, cancellationToken).ConfigureAwait(false))
        {
            return VllmProtocol.LegacyInference;
        }

        if (await FindStrangerAsync(channel, cancellationToken).ConfigureAwait(false) is { } stranger)
        {
            throw new VllmConnectionException(
                $"{channel.Endpoint} is {stranger.Name} ({stranger.Service}), which this library does not support: it speaks vLLM's gRPC protocols.")
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

    /// <summary>Other engines whose services share messages with vLLM's; they know a health check of the same shape.</summary>
    private static async Task<(string Name, string Service)?> FindStrangerAsync(ServerChannel channel, CancellationToken cancellationToken)
    {
        foreach (var (name, service) in Strangers)
        {
            var method = VllmEngineMethods.HealthCheckOf(service);
            if (await KnowsAsync(channel, method, new Engine.HealthCheckRequest(), cancellationToken).ConfigureAwait(false))
            {
                return (name, service);
            }
        }

        return null;
    }

    private static async Task<bool> ServesInferenceAsync(ServerChannel channel, CancellationToken cancellationToken)
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

    /// <summary>An empty generation is refused as a bad argument.</summary>
    private static Task<bool> GeneratesAsync(ServerChannel channel, bool isLegacy, CancellationToken cancellationToken) => KnowsAsync(async () =>
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
    });

    private static Task<bool> KnowsAsync<T>(
        ServerChannel channel, Method<OutgoingMessage, T> method, IMessage request, CancellationToken cancellationToken)
        where T : class => KnowsAsync(() => channel.UnaryAsync(method, request, NewCall(channel), cancellationToken));

    /// <summary>Any answer of the method itself means that it exists.</summary>
    private static async Task<bool> KnowsAsync(Func<Task> ask)
    {
        try
        {
            await ask().ConfigureAwait(false);
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
        return channel.NewCall(timeout: limit > TimeSpan.Zero && limit < ProbeTimeout ? limit : ProbeTimeout);
    }
}
