using System.Text;
using System.Text.Json;
using Connectors.Vllm.Tokenizers.Models;

namespace Connectors.Vllm.Tokenizers.Loading;

/// <summary>Makes the models that are not BPE: Unigram, WordPiece, WordLevel.</summary>
internal static class OtherModelFactory
{
    /// <summary>
    /// The model that <paramref name="json"/> describes. The type may be missing: BPE was tried first by the caller; then WordPiece,
    /// WordLevel, Unigram are tried by shape, as the reference does.
    /// </summary>
    public static TokenModel Create(ComponentJson json) => (json.Type ?? Guess(json)) switch
    {
        "WordPiece" => new WordPieceModel(
            Words(json),
            json.OptionalString("unk_token") ?? "[UNK]",
            json.OptionalString("continuing_subword_prefix") ?? "##",
            json.Int("max_input_chars_per_word", 100)),
        "WordLevel" => new WordLevelModel(Words(json), json.OptionalString("unk_token") ?? "<unk>"),
        "Unigram" => Unigram(json),
        _ => throw json.Unknown("model"),
    };

    private static string? Guess(ComponentJson json) =>
        json.Optional("vocab") is { Element.ValueKind: JsonValueKind.Array } ? "Unigram"
        : json.Has("max_input_chars_per_word") || json.Has("continuing_subword_prefix") ? "WordPiece"
        : json.Has("vocab") ? "WordLevel"
        : null;

    private static Vocabulary Words(ComponentJson json)
    {
        var vocab = json.Required("vocab");
        if (vocab.Element.ValueKind != JsonValueKind.Object)
        {
            throw vocab.Error($"an object of tokens and ids is expected, not {vocab.Element.ValueKind}");
        }

        var builder = new Vocabulary.Builder(vocab.Element.GetPropertyCount(), json.Budget);
        foreach (var entry in vocab.Element.EnumerateObject())
        {
            var item = new ComponentJson(entry.Value, $"{vocab.Path}.{entry.Name}", json.File, json.Budget);
            if (!builder.TryAdd(Encoding.UTF8.GetBytes(entry.Name), item.AsInt()))
            {
                throw item.Error("the token id is out of range");
            }
        }

        return builder.Build();
    }

    private static UnigramModel Unigram(ComponentJson json)
    {
        var entries = json.Items("vocab");
        var builder = new Vocabulary.Builder(entries.Count, json.Budget);
        var scores = new double[entries.Count];
        for (var id = 0; id < entries.Count; id++)
        {
            var pair = entries[id].AsItems();
            if (pair.Count != 2 || !builder.TryAdd(Encoding.UTF8.GetBytes(pair[0].AsString()), id))
            {
                throw entries[id].Error("a token and its score are expected");
            }

            scores[id] = pair[1].AsDouble();
        }

        var unknown = json.Int("unk_id", -1);
        if (unknown >= entries.Count || (unknown < 0 && json.Has("unk_id")))
        {
            throw json.Required("unk_id").Error("the unk_id is not the id of a token");
        }

        return new UnigramModel(builder.Build(), scores, unknown, json.Bool("byte_fallback", false));
    }
}
