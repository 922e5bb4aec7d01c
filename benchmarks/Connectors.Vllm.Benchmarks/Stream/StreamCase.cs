namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>One measured case.</summary>
/// <param name="Shape">What the model writes.</param>
/// <param name="Parallel">Streams at the same time.</param>
/// <param name="TokensPerMessage">Tokens the server puts into one message.</param>
/// <param name="Tokens">Tokens of each stream.</param>
/// <param name="Rate">Tokens a second and stream; 0: as fast as it goes.</param>
internal sealed record StreamCase(StreamShape Shape, int Parallel, int TokensPerMessage, int Tokens, int Rate);
