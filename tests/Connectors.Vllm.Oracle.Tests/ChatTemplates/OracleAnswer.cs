namespace Connectors.Vllm.Oracle.Tests.ChatTemplates;

/// <summary>What the reference made of a case: a text or an error.</summary>
public sealed record OracleAnswer(string? Text, string? Error);
