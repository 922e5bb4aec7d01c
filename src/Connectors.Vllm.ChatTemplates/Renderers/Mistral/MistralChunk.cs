namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>What a chunk of a Mistral message is.</summary>
internal enum MistralChunkKind : byte
{
    Text,
    Think,
    Image,
}

/// <summary>One chunk of a Mistral message.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">Text or reasoning; for an image its URL.</param>
/// <param name="IsClosed">Whether reasoning is finished.</param>
internal sealed record MistralChunk(MistralChunkKind Kind, string Text, bool IsClosed = true);
