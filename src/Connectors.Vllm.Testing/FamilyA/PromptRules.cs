using Connectors.Vllm.Testing.Engine;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.FamilyA;

/// <summary>What family A refuses about a prompt.</summary>
internal static class PromptRules
{
    public static void Check(ReadOnlySpan<int> ids, int vocabulary, int contextLength, int extraTokens = 0)
    {
        if (ids.IsEmpty)
        {
            throw RpcFailure.Invalid("The decoder prompt cannot be empty");
        }

        var length = ids.Length + extraTokens;
        const string Advice = "Make sure that `max_model_len` is no smaller than the number of text tokens";
        if (length > contextLength)
        {
            throw RpcFailure.Invalid($"The decoder prompt (length {length}) is longer than the maximum model length of {contextLength}. {Advice}.");
        }

        if (length == contextLength)
        {
            throw RpcFailure.Invalid(
                $"The decoder prompt (length {length}) plus the number of requested output tokens (at least 1) is longer than the maximum model length of {contextLength}. {Advice} (prompt + requested output tokens).");
        }

        foreach (var id in ids)
        {
            if ((uint)id >= (uint)vocabulary)
            {
                throw RpcFailure.Invalid($"Token id {(uint)id} is out of vocabulary");
            }
        }
    }

    /// <summary>Refuses a request once the engine is gone.</summary>
    public static void RequireEngine(ServerState state)
    {
        if (state.EngineDead)
        {
            throw EngineDeath.Failure();
        }
    }
}
