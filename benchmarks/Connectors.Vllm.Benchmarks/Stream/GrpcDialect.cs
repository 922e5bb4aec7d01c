using Connectors.Vllm.Grpc.Protocol.Engine;
using Google.Protobuf;

namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>The scripted answer as the frames a vLLM gRPC server sends, one array per message, encoded before they are written.</summary>
internal static class GrpcDialect
{
    /// <param name="script">The answer.</param>
    /// <param name="tokensPerMessage">How many tokens a message holds.</param>
    /// <param name="promptTokens">The prompt's length: every message says it, and a client compares it with what it sent.</param>
    public static byte[][] Encode(StreamScript script, int tokensPerMessage, int promptTokens)
    {
        List<byte[]> frames = [];
        var blocks = script.Ids.Chunk(tokensPerMessage).ToList();
        foreach (var block in blocks)
        {
            GenerateStreamChunk chunk = new() { PromptTokens = (uint)promptTokens, CompletionTokens = (uint)block.Length };
            chunk.TokenIds.AddRange(block.Select(id => (uint)id));
            frames.Add(Frame(new GenerateResponse { Chunk = chunk }));
        }

        // The closing message repeats the last block, as the servers do.
        GenerateComplete complete = new() { FinishReason = "stop", PromptTokens = (uint)promptTokens, CompletionTokens = (uint)blocks[^1].Length };
        complete.OutputIds.AddRange(blocks[^1].Select(id => (uint)id));
        frames.Add(Frame(new GenerateResponse { Complete = complete }));
        return [.. frames];
    }

    /// <summary>What a client without template and tokenizer asks.</summary>
    public static GenerateRequest Request(StreamCase @case) => new()
    {
        Stream = true,
        Tokenized = new TokenizedInput { InputIds = { 1, 2, 3 } },
        SamplingParams = new SamplingParams { Temperature = 0, MaxTokens = (uint)@case.Tokens + 64 },
    };

    /// <summary>The request with its stream's number where the server looks for it.</summary>
    public static GenerateRequest WithNumber(GenerateRequest request, int number) => new(request) { RequestId = $"bench-#{number}#" };

    public static byte[] Frame(IMessage message)
    {
        var body = message.ToByteArray();
        var frame = new byte[body.Length + 5];
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), body.Length);
        body.CopyTo(frame, 5);
        return frame;
    }
}
