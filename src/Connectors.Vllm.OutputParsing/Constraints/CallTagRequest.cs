namespace Connectors.Vllm.OutputParsing;

/// <summary>What a structural tag must allow.</summary>
internal sealed record CallTagRequest(IReadOnlyList<OutputTool> Tools, OutputToolChoice Choice, bool Multiple);
