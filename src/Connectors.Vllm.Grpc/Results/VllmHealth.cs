namespace Connectors.Vllm.Grpc;

/// <summary>What a server says about its own health.</summary>
/// <param name="IsHealthy">Whether the engine takes requests.</param>
/// <param name="Message">The server's words, for a log.</param>
public sealed record VllmHealth(bool IsHealthy, string Message);
