using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>What every contestant asks.</summary>
internal static class StreamQuestion
{
    public const string Text = "What decides how many answers one machine can carry?";

    private static readonly JsonElement Schema = JsonDocument.Parse(
        """{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}""").RootElement;

    public static ChatOptions Options(StreamCase @case) => new()
    {
        MaxOutputTokens = @case.Tokens + 64,
        Temperature = 0,
        Tools = @case.Shape == StreamShape.Tool ? [AIFunctionFactory.CreateDeclaration("save_note", "Saves a note.", Schema)] : null,
    };
}
