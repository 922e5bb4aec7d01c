namespace Connectors.Vllm.Grpc;

/// <summary>A generation ready to send.</summary>
/// <param name="Method">Full method name.</param>
/// <param name="Frame">The framed message.</param>
/// <param name="Metadata">Metadata of the call, or null.</param>
internal readonly record struct GenerationCall(string Method, ReadOnlyMemory<byte> Frame, IReadOnlyDictionary<string, string>? Metadata);
