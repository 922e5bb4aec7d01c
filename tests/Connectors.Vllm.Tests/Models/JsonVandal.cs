using System.Text.Json.Nodes;

namespace Connectors.Vllm.Tests.Models;

/// <summary>Puts every kind of JSON value into every place of a document, one at a time; long lists and tables only in their first places.</summary>
internal static class JsonVandal
{
    private const int PlacesOfAContainer = 3;
    private const int ShortContainer = 20;
    private const string Mark = "HERE-A-VALUE-GOES";

    private static readonly string[] Values =
    [
        "null", "true", "0", "-1", "1.5", "1e400", "-1e400", "99999999999999999999", "2147483648", "NaN", "\"\"", "\"x\"", "\"\\ud800\"",
        "\"\\udc00x\"", "\"\\u0000\"", "\"<|im_end|>\"", "[]", "{}", "[null]", "[\"x\"]", "{\"x\":null}", "{\"type\":\"Sequence\"}",
        "{\"content\":5}",
        "1,\"twice\":1,\"twice\":2", "\"" + new string('y', 100_000) + "\"", new string('[', 1_000) + new string(']', 1_000),
        "[" + string.Join(',', Enumerable.Repeat("[]", 1_000)) + "]",
    ];

    public static IEnumerable<string> Damage(string json)
    {
        foreach (var place in Places(JsonNode.Parse(json)!, []).ToList())
        {
            var damaged = JsonNode.Parse(json)!;
            Put(damaged, place);
            var text = damaged.ToJsonString();
            foreach (var value in Values)
            {
                yield return text.Replace($"\"{Mark}\"", value, StringComparison.Ordinal);
            }

            yield return Remove(JsonNode.Parse(json)!, place);
        }
    }

    private static IEnumerable<object[]> Places(JsonNode node, object[] path)
    {
        var children = node switch
        {
            JsonObject table => table.Select(static member => ((object)member.Key, member.Value)).ToList(),
            JsonArray list => list.Select(static (item, index) => ((object)index, item)).ToList(),
            _ => [],
        };
        foreach (var (key, child) in children.Count > ShortContainer ? children.Take(PlacesOfAContainer) : children)
        {
            object[] place = [.. path, key];
            yield return place;
            foreach (var inner in child is null ? [] : Places(child, place))
            {
                yield return inner;
            }
        }
    }

    private static void Put(JsonNode root, object[] place)
    {
        switch (Parent(root, place))
        {
            case JsonObject table:
                table[(string)place[^1]] = Mark;
                break;
            case JsonArray list:
                list[(int)place[^1]] = Mark;
                break;
        }
    }

    private static string Remove(JsonNode root, object[] place)
    {
        switch (Parent(root, place))
        {
            case JsonObject table:
                table.Remove((string)place[^1]);
                break;
            case JsonArray list:
                list.RemoveAt((int)place[^1]);
                break;
        }

        return root.ToJsonString();
    }

    private static JsonNode? Parent(JsonNode root, object[] place) =>
        place[..^1].Aggregate((JsonNode?)root, static (node, key) => key is string name ? node![name] : node![(int)key]);
}
