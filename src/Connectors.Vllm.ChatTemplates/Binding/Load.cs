namespace Connectors.Vllm.ChatTemplates;

/// <summary>How a scope's variable is filled: the kind, and the template variable's name or the outer variable.</summary>
internal readonly record struct Load(LoadKind Kind, string? Source = null);
