using System.Text.Json.Nodes;

namespace Connectors.Vllm.Samples.Inspect;

/// <summary>Something that was found out about a model.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Value">The value; null when it is not known.</param>
/// <param name="Origin">Where it came from; null when the name says it.</param>
internal sealed record Fact(string Name, JsonNode? Value, string? Origin = null)
{
    /// <summary>The value as people read it.</summary>
    public string Text => Value switch
    {
        null => "-",
        JsonArray items => string.Join(' ', items.Select(item => item?.ToString())),
        JsonObject members => string.Join(", ", members.Select(member => $"{member.Key} {member.Value}")),
        _ => Value.ToString(),
    };
}
