namespace Connectors.Vllm.Grpc;

/// <summary>
/// What was found out about the process behind an address, and the connection count at that time: a connection opened later may lead to another process,
/// with another protocol or another model.
/// </summary>
internal sealed record KnownServer(IProtocolFamily Family, int Connections);
