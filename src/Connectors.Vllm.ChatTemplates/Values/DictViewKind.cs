namespace Connectors.Vllm.ChatTemplates;

internal enum DictViewKind : byte
{
    Keys,
    Values,
    Items,
}
