namespace Connectors.Vllm.ChatTemplates;

internal readonly record struct KeywordArgument(string Name, Value Value);
