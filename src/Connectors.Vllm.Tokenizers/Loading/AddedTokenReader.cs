using System.Globalization;
using System.Text.Json;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Models;

namespace Connectors.Vllm.Tokenizers.Loading;

/// <summary>Reads added tokens and assigns the same ids as the reference.</summary>
internal static class AddedTokenReader
{
    /// <param name="json">The <c>added_tokens</c> of tokenizer.json; may be JSON null.</param>
    /// <param name="config">tokenizer_config.json; may be empty.</param>
    /// <param name="configName">The file's name, for messages.</param>
    /// <param name="vocabulary">The model's vocabulary.</param>
    /// <param name="budget">The memory budget for loading.</param>
    public static List<AddedToken> Read(ComponentJson json, ReadOnlyMemory<byte> config, string configName, Vocabulary vocabulary, LoadBudget budget)
    {
        var declared = new List<AddedToken>();
        if (!json.IsNull)
        {
            foreach (var item in json.AsItems())
            {
                declared.Add(Token(item, item.Required("id").AsInt()));
            }
        }

        MergeConfig(declared, config, configName, budget);
        return Number(declared, vocabulary);
    }

    /// <summary>
    /// Adds the entries of <c>added_tokens_decoder</c> whose ids are not in tokenizer.json, ordered by id, as vLLM does: some models have image or
    /// thinking tokens only there.
    /// </summary>
    public static void MergeConfig(List<AddedToken> declared, ReadOnlyMemory<byte> config, string configName, LoadBudget budget)
    {
        if (config.IsEmpty)
        {
            return;
        }

        using var document = ParseConfig(config, configName, budget);
        var root = new ComponentJson(document.RootElement, "$", configName, budget);
        if (root.Optional("added_tokens_decoder") is not { Element.ValueKind: JsonValueKind.Object } decoder)
        {
            return;
        }

        var known = declared.Select(token => token.Id).ToHashSet();
        var extra = new SortedDictionary<int, AddedToken>();
        foreach (var entry in decoder.Element.EnumerateObject())
        {
            var item = new ComponentJson(entry.Value, $"{decoder.Path}.{entry.Name}", configName);
            if (!int.TryParse(entry.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            {
                throw item.Error("the key is not a token id");
            }

            if (!known.Contains(id))
            {
                extra[id] = Token(item, id);
            }
        }

        declared.AddRange(extra.Values);
    }

    public static JsonDocument ParseConfig(ReadOnlyMemory<byte> config, string configName, LoadBudget budget)
    {
        budget.ReserveJson(config.Length, configName);
        try
        {
            return JsonDocument.Parse(config);
        }
        catch (JsonException exception)
        {
            throw new TokenizerException(
                "the JSON is malformed or truncated; download the file again",
                configName,
                $"line {exception.LineNumber + 1}, byte {exception.BytePositionInLine}",
                exception);
        }
    }

    private static AddedToken Token(ComponentJson item, int id)
    {
        var content = item.String("content");
        Vocabulary.Builder.CheckLength(content.Length);
        return new AddedToken(
            id,
            content,
            IsSpecial: item.Bool("special", false),
            SingleWord: item.Bool("single_word", false),
            StripLeft: item.Bool("lstrip", false),
            StripRight: item.Bool("rstrip", false),
            Normalized: item.Bool("normalized", false));
    }

    /// <summary>
    /// Assigns the ids. Those in the file are ignored: a token in the vocabulary keeps its id, and a new one gets the next id after the highest added
    /// one, but at least the number of tokens in the vocabulary.
    /// </summary>
    private static List<AddedToken> Number(List<AddedToken> declared, Vocabulary vocabulary)
    {
        var result = new List<AddedToken>(declared.Count);
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        var highest = -1;
        foreach (var token in declared)
        {
            if (token.Content.Length == 0)
            {
                continue;
            }

            if (!ids.TryGetValue(token.Content, out var id))
            {
                id = vocabulary.Find(token.Content);
                if (id < 0)
                {
                    id = highest >= 0 && highest >= vocabulary.Count ? highest + 1 : vocabulary.Count;
                }

                ids[token.Content] = id;
                highest = Math.Max(highest, id);
            }

            result.Add(token with { Id = id });
        }

        return result;
    }
}
