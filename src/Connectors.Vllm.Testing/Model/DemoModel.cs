using Connectors.Vllm.Testing.Engine;

namespace Connectors.Vllm.Testing.Model;

/// <summary>The built-in stand-in for a model.</summary>
internal static class DemoModel
{
    public static ScriptedReply Answer(ServerState state, GenerationRequest request) =>
        ScriptedReply.FromText("Hello! I am the test model of Connectors.Vllm.");
}
