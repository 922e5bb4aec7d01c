namespace Connectors.Vllm.Grpc;

/// <summary>An embedding of a prompt.</summary>
/// <param name="Vector">The vector, of the model's dimension.</param>
/// <param name="PromptTokens">Length of the prompt.</param>
public sealed record EmbeddingResult(ReadOnlyMemory<float> Vector, int PromptTokens);
