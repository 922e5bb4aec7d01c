namespace Connectors.Vllm.Grpc;

/// <summary>
/// A connection was opened after the caller had looked at the server, so the message was kept back: nothing was sent, and the server has to be looked at
/// again. Never leaves this package.
/// </summary>
internal sealed class ConnectionRenewedException() : Exception("A new connection was opened; the server has to be asked anew.");
