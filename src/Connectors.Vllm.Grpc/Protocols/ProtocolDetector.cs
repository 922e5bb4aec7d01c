using Connectors.Vllm.Grpc.Protocol.Health;
using Google.Protobuf;
using Engine = Connectors.Vllm.Grpc.Protocol.Engine;
using Inference = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Finds out which protocol a server speaks, with calls that change nothing. Only "method unknown" in a gRPC answer moves on to the
/// next question; a server that cannot be reached is an error and not an answer.
/// </summary>
internal static class ProtocolDetector
{
    private static readonly TimeSpan ProbeTimeout = TimeSpan.FromSeconds(5);

    public static async Task<VllmProtocol> DetectAsync(GrpcInvoker invoker, CancellationToken cancellationToken)
    {
        if (await KnowsAsync(invoker, VllmEngineMethods.HealthCheck, new Engine.HealthCheckRequest(), Engine.HealthCheckResponse.Parser, cancellationToken).ConfigureAwait(false))
        {
            return VllmProtocol.VllmEngine;
        }

        if (await KnowsAsync(invoker, InferenceMethods.GetServerInfo, new Inference.GetServerInfoRequest(), Inference.ServerInfo.Parser, cancellationToken).ConfigureAwait(false))
        {
            return VllmProtocol.Inference;
        }

        // The control service may be left unmounted.
        if (await ServesInferenceAsync(invoker, cancellationToken).ConfigureAwait(false)
            || await KnowsAsync(invoker, InferenceMethods.Generate, new Inference.GenerateRequest(), Inference.GenerateResponse.Parser, cancellationToken).ConfigureAwait(false))
        {
            return VllmProtocol.Inference;
        }

        if (await KnowsAsync(invoker, InferenceMethods.LegacyGenerate, new Inference.GenerateRequest(), Inference.GenerateResponse.Parser, cancellationToken).ConfigureAwait(false))
        {
            return VllmProtocol.LegacyInference;
        }

        throw new VllmConnectionException(
            $"{invoker.Endpoint} speaks gRPC, but none of vLLM's protocols: vllm.grpc.engine.VllmEngine, vllm.Inference, vllm.Control and vllm.Generate are all unknown to it.")
        {
            StatusCode = VllmStatusCode.Unimplemented,
            Endpoint = invoker.Endpoint,
        };
    }

    private static async Task<bool> ServesInferenceAsync(GrpcInvoker invoker, CancellationToken cancellationToken)
    {
        try
        {
            var response = await invoker.UnaryAsync(
                InferenceMethods.HealthCheck,
                new HealthCheckRequest { Service = InferenceMethods.InferenceService },
                HealthCheckResponse.Parser,
                cancellationToken,
                Limit(invoker)).ConfigureAwait(false);
            return response.Status is HealthCheckResponse.Types.ServingStatus.Serving or HealthCheckResponse.Types.ServingStatus.NotServing;
        }
        catch (VllmRequestException)
        {
            return false;
        }
    }

    /// <summary>Any answer of the method itself means that it exists: an empty generation is refused as a bad argument.</summary>
    private static async Task<bool> KnowsAsync<T>(GrpcInvoker invoker, string method, IMessage request, MessageParser<T> parser, CancellationToken cancellationToken)
        where T : IMessage<T>
    {
        try
        {
            await invoker.UnaryAsync(method, request, parser, cancellationToken, Limit(invoker)).ConfigureAwait(false);
            return true;
        }
        catch (VllmRequestException e)
        {
            return e.StatusCode != VllmStatusCode.Unimplemented;
        }
        catch (VllmException e) when (e.IsEngineDead || e is { StatusCode: VllmStatusCode.Internal, ServerMessage.Length: > 0 })
        {
            return true;
        }
    }

    private static TimeSpan Limit(GrpcInvoker invoker) => invoker.Options.CallTimeout > TimeSpan.Zero && invoker.Options.CallTimeout < ProbeTimeout ? invoker.Options.CallTimeout : ProbeTimeout;
}
