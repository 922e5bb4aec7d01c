using System.Text.Json.Nodes;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>
/// The JSON schema of forced calls for formats without a structural tag: an array of calls, with the definitions of all tools at its root.
/// </summary>
internal static class GenericCallSchema
{
    /// <exception cref="OutputFormatException">Two tools have different definitions of one name.</exception>
    public static JsonObject Build(CallRequest request)
    {
        var items = new JsonArray();
        var roots = new SortedDictionary<string, JsonObject>(StringComparer.Ordinal);
        foreach (var tool in request.Tools)
        {
            var parameters = ArgumentSchema.Of(tool).ToNode();
            foreach (var keyword in (ReadOnlySpan<string>)["$defs", "definitions"])
            {
                if ((parameters as JsonObject)?[keyword] is JsonObject definitions)
                {
                    Merge(roots, keyword, definitions, tool);
                    ((JsonObject)parameters).Remove(keyword);
                }
            }

            items.Add((JsonNode)new JsonObject
            {
                ["properties"] = new JsonObject
                {
                    ["name"] = new JsonObject { ["type"] = "string", ["enum"] = new JsonArray(tool.Name) },
                    ["parameters"] = parameters,
                },
                ["required"] = new JsonArray("name", "parameters"),
            });
        }

        var schema = new JsonObject
        {
            ["type"] = "array",
            ["minItems"] = 1,
            ["items"] = new JsonObject { ["type"] = "object", ["anyOf"] = items },
        };
        if (!request.Multiple)
        {
            schema["maxItems"] = 1;
        }

        foreach (var (keyword, definitions) in roots)
        {
            schema[keyword] = definitions;
        }

        return schema;
    }

    private static void Merge(SortedDictionary<string, JsonObject> roots, string keyword, JsonObject definitions, OutputTool tool)
    {
        if (!roots.TryGetValue(keyword, out var all))
        {
            roots[keyword] = all = [];
        }

        foreach (var (name, definition) in definitions)
        {
            if (all.ContainsKey(name) && !JsonNode.DeepEquals(all[name], definition))
            {
                throw new OutputFormatException(
                    $"The tools define '{keyword}/{name}' differently (last in '{tool.Name}'), and their calls share one schema. Rename the "
                        + "definition in one of them.");
            }

            all[name] = definition?.DeepClone();
        }
    }
}
