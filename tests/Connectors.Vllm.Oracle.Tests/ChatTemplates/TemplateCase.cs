using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.ChatTemplates;

namespace Connectors.Vllm.Oracle.Tests.ChatTemplates;

/// <summary>Renders the JSON form of a case, as the oracle's script reads it, with our engine.</summary>
internal static class TemplateCase
{
    public static OracleAnswer Render(ChatTemplate template, JsonObject node)
    {
        using var json = JsonDocument.Parse(node.ToJsonString());
        var root = json.RootElement;
        try
        {
            return new OracleAnswer(template.Render(Input(root)).Text, null);
        }
        catch (ChatTemplateException exception)
        {
            return new OracleAnswer(null, exception.Message);
        }
    }

    public static OracleAnswer Render(JsonObject node)
    {
        try
        {
            return Render(ChatTemplate.Parse(node["template"]!.GetValue<string>()), node);
        }
        catch (ChatTemplateException exception)
        {
            return new OracleAnswer(null, exception.Message);
        }
    }

    public static ChatTemplateInput Input(JsonElement root) => new()
    {
        Messages = Get(root, "messages"),
        Tools = Get(root, "tools"),
        Documents = Get(root, "documents"),
        AddGenerationPrompt = Get(root, "add_generation_prompt") is { ValueKind: JsonValueKind.True },
        ContinueFinalMessage = Get(root, "continue_final_message"),
        Kwargs = Dictionary(Get(root, "kwargs")),
        SpecialTokens = Dictionary(Get(root, "special_tokens")),
        TimeProvider = Get(root, "now") is { ValueKind: JsonValueKind.String } now ? new FixedTime(now.GetString()!) : null,
    };

    private static JsonElement? Get(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static Dictionary<string, object?>? Dictionary(JsonElement? element) =>
        element?.EnumerateObject()
            .ToDictionary(property => property.Name, property => property.Value.ValueKind == JsonValueKind.Null ? null : (object?)property.Value);

    private sealed class FixedTime(string now) : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.Parse(now, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
    }
}
