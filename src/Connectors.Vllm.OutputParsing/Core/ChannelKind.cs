namespace Connectors.Vllm.OutputParsing;

/// <summary>What a message of a channel format is.</summary>
internal enum ChannelKind
{
    Text,
    Reasoning,
    Call,
}
