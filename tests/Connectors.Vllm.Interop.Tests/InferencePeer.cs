extern alias peers;

using Grpc.Core;
using peers::Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Interop.Tests;

/// <summary>The Inference protocol's generation on Grpc.AspNetCore.</summary>
internal sealed class InferencePeer(PeerScript script) : Inference.InferenceBase
{
    public override async Task<GenerateResponse> Generate(GenerateRequest request, ServerCallContext context)
    {
        var ids = new List<uint>();
        await foreach (var id in script.RunAsync((int)request.TokenIds.Ids[0], request.RequestId, context))
        {
            ids.Add((uint)id);
        }

        return new()
        {
            PromptInfo = new() { NumPromptTokens = (uint)request.TokenIds.Ids.Count },
            Outputs = new() { TokenIds = { ids }, NumTokens = (uint)ids.Count, FinishInfo = Finish(ids.Count) },
        };
    }

    public override async Task GenerateStream(
        GenerateRequest request, IServerStreamWriter<GenerateResponse> responseStream, ServerCallContext context)
    {
        var count = 0;
        await foreach (var id in script.RunAsync((int)request.TokenIds.Ids[0], request.RequestId, context))
        {
            if (count++ == 0)
            {
                await responseStream.WriteAsync(new() { PromptInfo = new() { NumPromptTokens = (uint)request.TokenIds.Ids.Count } });
            }

            await responseStream.WriteAsync(
                new() { Outputs = new() { TokenIds = { (uint)id }, NumTokens = 1, FinishInfo = id == 2 ? Finish(count) : null } },
                context.CancellationToken);
        }
    }

    private static FinishInfo Finish(int count) =>
        new() { NumOutputTokens = (uint)count, FinishReason = FinishInfo.Types.FinishReason.Stop, EosTokenId = 2 };
}
