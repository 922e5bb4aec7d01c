using System.Text.Json.Nodes;

namespace Connectors.Vllm.TestSupport;

/// <summary>Creates a copy of a model folder whose token ids are incompatible with the original.</summary>
public static class OtherVocabulary
{
    /// <summary>Gives every ordinary token of tokenizer.json another id, in reverse order, and config.json another model type.</summary>
    /// <param name="folder">The model folder; it is changed.</param>
    /// <returns>The folder.</returns>
    public static string Apply(string folder)
    {
        Edit(Path.Combine(folder, "tokenizer.json"), tokenizer =>
        {
            var vocabulary = tokenizer["model"]!["vocab"]!.AsObject();
            var last = vocabulary.Max(token => token.Value!.GetValue<int>());
            tokenizer["model"]!["vocab"] = new JsonObject(
                vocabulary.Select(token => KeyValuePair.Create(token.Key, (JsonNode?)JsonValue.Create(last - token.Value!.GetValue<int>()))));
        });
        Edit(Path.Combine(folder, "config.json"), config => config["model_type"] = "qwen2");
        return folder;
    }

    private static void Edit(string file, Action<JsonNode> edit)
    {
        var node = JsonNode.Parse(File.ReadAllBytes(file))!;
        edit(node);
        File.WriteAllText(file, node.ToJsonString());
    }
}
