namespace Connectors.Vllm.OutputParsing;

/// <summary>Makes the id of a call.</summary>
/// <param name="index">Index of the call within the output, from 0.</param>
/// <param name="name">The called tool's name.</param>
/// <param name="modelId">The id the model wrote itself (Kimi K2, Command); null for most formats.</param>
/// <returns>An id that is unique over the whole conversation.</returns>
public delegate string CallIdGenerator(int index, string name, string? modelId);
