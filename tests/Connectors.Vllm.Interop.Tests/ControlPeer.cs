extern alias peers;

using Grpc.Core;
using peers::Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Interop.Tests;

/// <summary>The Inference protocol's control service on Grpc.AspNetCore.</summary>
internal sealed class ControlPeer(PeerScript script) : Control.ControlBase
{
    public override Task<ServerInfo> GetServerInfo(GetServerInfoRequest request, ServerCallContext context) =>
        Task.FromResult(new ServerInfo { ApiVersion = "vllm", EngineVersion = "0.32.0", MaxModelLen = 4_000_000 });

    public override Task<ModelInfo> GetModelInfo(GetModelInfoRequest request, ServerCallContext context)
    {
        script.CountModelInfo();
        return Task.FromResult(new ModelInfo { ModelId = "peer", ServedModelName = "peer", SupportsTokenIdsInput = true });
    }

    public override Task<AbortResponse> Abort(AbortRequest request, ServerCallContext context)
    {
        foreach (var id in request.RequestIds)
        {
            script.Aborted.Enqueue(id);
        }

        return Task.FromResult(new AbortResponse());
    }
}
