using System.Text.Json;

namespace Connectors.Vllm.ChatTemplates;

/// <summary>
/// The special tokens that transformers hands to a template: the named ones and a model's own <c>…_token</c> keys from
/// tokenizer_config.json, what special_tokens_map.json says instead, and the tokenizer class's defaults for keys that are absent.
/// </summary>
internal static class SpecialTokens
{
    private static readonly string[] Dictionaries = ["extra_special_tokens", "model_specific_special_tokens"];

    public static Dictionary<string, object?> Read(JsonElement? config, JsonElement? map)
    {
        var tokens = new Dictionary<string, object?>(StringComparer.Ordinal);
        var absent = new HashSet<string>(StringComparer.Ordinal);
        foreach (var source in new[] { config, map })
        {
            if (source is not { ValueKind: JsonValueKind.Object } element)
            {
                continue;
            }

            foreach (var property in element.EnumerateObject())
            {
                if (property.Name.EndsWith("_token", StringComparison.Ordinal))
                {
                    Add(tokens, absent, property.Name, property.Value);
                }
                else if (Array.IndexOf(Dictionaries, property.Name) >= 0 && property.Value.ValueKind == JsonValueKind.Object)
                {
                    foreach (var named in property.Value.EnumerateObject())
                    {
                        Add(tokens, absent, named.Name, named.Value);
                    }
                }
            }
        }

        foreach (var (name, token) in SpecialTokenDefaults.Of(ClassOf(config)))
        {
            if (!absent.Contains(name))
            {
                tokens.TryAdd(name, token);
            }
        }

        return tokens;
    }

    private static void Add(Dictionary<string, object?> tokens, HashSet<string> absent, string name, JsonElement value)
    {
        var text = value.ValueKind switch
        {
            JsonValueKind.String => value.GetString(),
            JsonValueKind.Object when value.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.String => content.GetString(),
            _ => null,
        };
        if (text is not null)
        {
            tokens[name] = text;
        }
        else if (value.ValueKind == JsonValueKind.Null)
        {
            absent.Add(name);
        }
    }

    private static string? ClassOf(JsonElement? config) =>
        config is { ValueKind: JsonValueKind.Object } element && element.TryGetProperty("tokenizer_class", out var name) && name.ValueKind == JsonValueKind.String ? name.GetString() : null;
}
