namespace Connectors.Vllm.ChatTemplates;

internal enum NameUse : byte
{
    Read,
    Store,
    Parameter,
}
