namespace Connectors.Vllm.Grpc;

/// <summary>A LoRA adapter that is loaded on the server.</summary>
/// <param name="Id">The server's number for it.</param>
/// <param name="Name">What <see cref="GenerationRequest.LoraName"/> names.</param>
/// <param name="SourcePath">Where the server loaded it from.</param>
public sealed record LoraAdapterInfo(long Id, string Name, string SourcePath);
