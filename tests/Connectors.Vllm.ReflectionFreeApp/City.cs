namespace Connectors.Vllm.ReflectionFreeApp;

/// <summary>The type of a structured answer.</summary>
internal sealed record City(string Name, int Size);
