namespace Connectors.Vllm.Grpc;

/// <summary>Progress of a transfer.</summary>
/// <param name="BytesReceived">Bytes so far.</param>
public readonly record struct TransferProgress(long BytesReceived);
