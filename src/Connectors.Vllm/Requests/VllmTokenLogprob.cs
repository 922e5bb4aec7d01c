using System.Text.Json;

namespace Connectors.Vllm;

/// <summary>A token and how likely it was.</summary>
/// <param name="Text">The token's text; a part of a character reads as U+FFFD.</param>
/// <param name="Id">The token's id.</param>
/// <param name="Logprob">Natural logarithm of its probability; null for the first token of a prompt.</param>
/// <param name="Rank">Its rank among all tokens, 1 is the most likely; null when the server does not tell.</param>
public sealed record VllmTokenLogprob(string Text, int Id, double? Logprob, int? Rank)
{
    /// <summary>The most likely tokens at this position, as many as were asked for; empty when none were.</summary>
    public IReadOnlyList<VllmTokenLogprob> Alternatives { get; init; } = [];

    internal static IReadOnlyList<VllmTokenLogprob>? ReadList(object? value) =>
        value is JsonElement { ValueKind: JsonValueKind.Array } array ? [.. array.EnumerateArray().Select(Read)] : null;

    private static VllmTokenLogprob Read(JsonElement element) => new(
        element.GetProperty("token").GetString()!,
        element.GetProperty("id").GetInt32(),
        element.GetProperty("logprob") is { ValueKind: JsonValueKind.Number } logprob ? logprob.GetDouble() : null,
        element.TryGetProperty("rank", out var rank) ? rank.GetInt32() : null)
    {
        Alternatives = element.TryGetProperty("top", out var top) ? [.. top.EnumerateArray().Select(Read)] : [],
    };
}
