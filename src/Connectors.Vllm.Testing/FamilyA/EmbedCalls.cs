using System.Numerics;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing.Engine;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.FamilyA;

/// <summary>Family A's Embed: a vector of length 1, made up from the ids when none is scripted. Equal prompts get equal vectors, shared words bring vectors nearer.</summary>
internal sealed class EmbedCalls(ServerState state)
{
    public async Task HandleAsync(GrpcCall call, CapturedRequest captured)
    {
        var message = captured.As<EmbedRequest>();
        PromptRules.RequireEngine(state);
        if (state.Options.EffectiveAge == VllmServerAge.A0)
        {
            throw RpcFailure.Unimplemented("Embed RPC not yet implemented");
        }

        if (message.Tokenized is null)
        {
            throw RpcFailure.Invalid("EmbedRequest requires tokenized input");
        }

        if (!state.Options.IsEmbeddingModel)
        {
            throw RpcFailure.Invalid("This model does not support pooling");
        }

        int[] prompt = [.. message.Tokenized.InputIds.Select(id => (int)id)];
        // A pooling model needs no room for output: a prompt may fill the context.
        PromptRules.Check(prompt, state.Model.VocabularySize, prompt.Length == state.Model.ContextLength ? prompt.Length + 1 : state.Model.ContextLength);
        captured.PromptIds = prompt;
        var running = state.Running.Start(message.RequestId, captured);
        state.Log.Announce(captured);
        try
        {
            var reply = state.Script.Take(captured);
            if (reply is not null)
            {
                call.Use(reply);
                if (reply.DelayBeforeFirstToken > TimeSpan.Zero)
                {
                    await running.WaitAsync(Task.Delay(reply.DelayBeforeFirstToken, call.Cancelled), call.Cancelled).ConfigureAwait(false);
                }

                if (reply.Hold is { } hold)
                {
                    await running.WaitAsync(hold, call.Cancelled).ConfigureAwait(false);
                }
            }

            running.ThrowIfFailed();
            var vector = reply?.Embedding ?? MakeUp(prompt, state.Options.EmbeddingDimension);
            await call.WriteAsync(new EmbedResponse { Embedding = { vector }, PromptTokens = (uint)prompt.Length, EmbeddingDim = (uint)vector.Count }).ConfigureAwait(false);
        }
        finally
        {
            state.Running.End(running);
        }
    }

    private static float[] MakeUp(ReadOnlySpan<int> prompt, int dimension)
    {
        var vector = new float[dimension];
        foreach (var id in prompt)
        {
            var bits = (ulong)(uint)id;
            for (var i = 0; i < dimension; i++)
            {
                bits = BitOperations.RotateLeft((bits * 0x9E3779B97F4A7C15UL) ^ (ulong)i, 29);
                vector[i] += ((bits >> 40) / (float)(1 << 24)) - 0.5f;
            }
        }

        var length = MathF.Sqrt(vector.Sum(value => value * value));
        for (var i = 0; i < dimension; i++)
        {
            vector[i] /= length;
        }

        return vector;
    }
}
