namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>What the scripted model writes.</summary>
internal enum StreamShape
{
    Text,
    Thinking,
    Tool,
}
