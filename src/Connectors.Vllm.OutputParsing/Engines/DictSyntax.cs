namespace Connectors.Vllm.OutputParsing;

/// <summary>How calls stand as a name and a dictionary with delimited strings.</summary>
/// <param name="Delimiter">What stands before and behind a string.</param>
/// <param name="Closers">Markers behind a call.</param>
internal sealed record DictSyntax(string Delimiter, IReadOnlyList<string> Closers);
