namespace Connectors.Vllm.Testing.Engine;

/// <summary>The model's own end-of-sequence ids.</summary>
/// <param name="Eos">The primary one, of config.json.</param>
/// <param name="SecondaryEos">Those that only generation_config.json names; they end a sequence like stop ids.</param>
internal sealed record ModelStops(int Eos, IReadOnlyList<int> SecondaryEos);
