namespace Connectors.Vllm.OutputParsing;

/// <summary>What a machine is made from.</summary>
internal sealed record MachineContext(OutputFormat Format, OutputParserOptions Options, EventWriter Writer);
