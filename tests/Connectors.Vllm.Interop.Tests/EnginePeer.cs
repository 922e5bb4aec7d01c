extern alias peers;

using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using peers::Connectors.Vllm.Grpc.Protocol.Common;
using peers::Connectors.Vllm.Grpc.Protocol.Engine;

namespace Connectors.Vllm.Interop.Tests;

/// <summary>The VllmEngine protocol on Grpc.AspNetCore.</summary>
internal sealed class EnginePeer(PeerScript script) : VllmEngine.VllmEngineBase
{
    /// <summary>Bytes of the archive that GetTokenizer sends; no zip, but large.</summary>
    public const int ChunkBytes = 6 << 20;

    public override async Task Generate(GenerateRequest request, IServerStreamWriter<GenerateResponse> responseStream, ServerCallContext context)
    {
        var prompt = (uint)request.Tokenized.InputIds.Count;
        var all = new List<uint>();
        uint last = 0;
        await foreach (var id in script.RunAsync((int)request.Tokenized.InputIds[0], request.RequestId, context))
        {
            last = (uint)id;
            all.Add(last);
            if (request.Stream)
            {
                await responseStream.WriteAsync(
                    new() { Chunk = new() { TokenIds = { last }, PromptTokens = prompt, CompletionTokens = 1 } }, context.CancellationToken);
            }
        }

        await responseStream.WriteAsync(new()
        {
            Complete = new()
            {
                OutputIds = { request.Stream ? [last] : all },
                FinishReason = "stop",
                PromptTokens = prompt,
                CompletionTokens = request.Stream
                    ? 1
                    : (uint)all.Count
            },
        });
    }

    public override Task<HealthCheckResponse> HealthCheck(HealthCheckRequest request, ServerCallContext context) =>
        Task.FromResult(new HealthCheckResponse { Healthy = true, Message = "Health" });

    public override Task<AbortResponse> Abort(AbortRequest request, ServerCallContext context)
    {
        foreach (var id in request.RequestIds)
        {
            script.Aborted.Enqueue(id);
        }

        return Task.FromResult(new AbortResponse());
    }

    public override Task<GetModelInfoResponse> GetModelInfo(GetModelInfoRequest request, ServerCallContext context)
    {
        script.CountModelInfo();
        return Task.FromResult(new GetModelInfoResponse
        {
            ModelPath = "/models/peer",
            ServedModelName = "peer",
            TokenizerPath = "/models/peer",
            ModelType = "qwen3",
            IsGeneration = true,
            MaxContextLength = 4_000_000,
            VocabSize = 1000,
        });
    }

    public override Task<GetServerInfoResponse> GetServerInfo(GetServerInfoRequest request, ServerCallContext context) =>
        Task.FromResult(new GetServerInfoResponse { DataParallelSize = 1, ConstrainedDecodingStart = "first_token" });

    public override async Task GetTokenizer(
        GetTokenizerRequest request, IServerStreamWriter<GetTokenizerChunk> responseStream, ServerCallContext context)
    {
        var bytes = new byte[ChunkBytes];
        await responseStream.WriteAsync(
            new() { Data = UnsafeByteOperations.UnsafeWrap(bytes), Sha256 = Convert.ToHexStringLower(SHA256.HashData(bytes)) });
    }
}
