namespace Connectors.Vllm.OutputParsing;

/// <summary>A call as a reader found it.</summary>
/// <param name="Name">The function's name, complete.</param>
/// <param name="Arguments">JSON text of the arguments object; what the model wrote where <paramref name="Error"/> is set.</param>
/// <param name="Id">The id the model wrote; null when the format has none.</param>
/// <param name="Error">Why the call must not run; null for a good call.</param>
internal sealed record ParsedCall(string Name, string Arguments, string? Id = null, string? Error = null);
