namespace Connectors.Vllm.ChatTemplates.Renderers;

internal enum PromptValueKind : byte
{
    Null,
    False,
    True,
    Number,
    String,
    Array,
    Object,
}
