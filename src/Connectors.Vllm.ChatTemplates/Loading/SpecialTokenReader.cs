using System.Text.Json;
using Connectors.Vllm.ChatTemplates.Syntax;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Loading;

/// <summary>
/// Reads the special tokens that transformers passes to a template: the named ones and a model's own <c>…_token</c> keys in tokenizer_config.json,
/// replaced by those in special_tokens_map.json, and the defaults of the tokenizer class for missing keys.
/// </summary>
internal static class SpecialTokenReader
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
            JsonValueKind.Object when value.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.String =>
                content.GetString(),
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
        config is { ValueKind: JsonValueKind.Object } element && element.TryGetProperty("tokenizer_class", out var name)
            && name.ValueKind == JsonValueKind.String
            ? name.GetString()
            : null;
}

/// <summary>
/// The default special tokens of transformers' tokenizer classes, for keys that are missing in tokenizer_config.json. A key with the value null has
/// no token. Source: the constructors of the classes in transformers.
/// </summary>
internal static class SpecialTokenDefaults
{
    public static IReadOnlyList<(string Name, string Token)> Of(string? tokenizerClass)
    {
        var name = tokenizerClass is not null && tokenizerClass.EndsWith("Fast", StringComparison.Ordinal) ? tokenizerClass[..^4] : tokenizerClass;
        return name switch
        {
            "LlamaTokenizer" or "CodeLlamaTokenizer" => [("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")],
            "GPT2Tokenizer" => [("bos_token", "<|endoftext|>"), ("eos_token", "<|endoftext|>"), ("unk_token", "<|endoftext|>")],
            "Qwen2Tokenizer" => [("eos_token", "<|endoftext|>"), ("unk_token", "<|endoftext|>"), ("pad_token", "<|endoftext|>")],
            "GemmaTokenizer" =>
                [("bos_token", "<bos>"), ("eos_token", "<eos>"), ("unk_token", "<unk>"), ("pad_token", "<pad>"), ("mask_token", "<mask>")],
            "CohereTokenizer" =>
            [
                ("bos_token", "<BOS_TOKEN>"), ("eos_token", "<|END_OF_TURN_TOKEN|>"), ("unk_token", "<UNK>"), ("pad_token", "<PAD>"),
                ("cls_token", "<CLS>"), ("sep_token", "<SEP>"), ("mask_token", "<MASK_TOKEN>"),
            ],
            "BertTokenizer" =>
                [("unk_token", "[UNK]"), ("sep_token", "[SEP]"), ("pad_token", "[PAD]"), ("cls_token", "[CLS]"), ("mask_token", "[MASK]")],
            "RobertaTokenizer" or "XLMRobertaTokenizer" =>
            [
                ("bos_token", "<s>"), ("eos_token", "</s>"), ("sep_token", "</s>"), ("cls_token", "<s>"), ("unk_token", "<unk>"),
                    ("pad_token", "<pad>"), ("mask_token", "<mask>"),
            ],
            "BloomTokenizer" => [("unk_token", "<unk>"), ("bos_token", "<s>"), ("eos_token", "</s>"), ("pad_token", "<pad>")],
            "T5Tokenizer" => [("eos_token", "</s>"), ("unk_token", "<unk>"), ("pad_token", "<pad>")],
            _ => [],
        };
    }
}
