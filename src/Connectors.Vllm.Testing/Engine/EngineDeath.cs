using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.Engine;

/// <summary>The words of a family A server whose engine process is gone.</summary>
internal static class EngineDeath
{
    public const string EngineText = "EngineCore encountered an issue. See stack trace (above) for the root cause.";

    public const string InferenceText = "engine-core error: engine core reported fatal failure";

    public static RpcFailure Failure() => RpcFailure.Internal(EngineText);
}
