using Connectors.Vllm.Tokenizers.Pipeline;

namespace Connectors.Vllm.Tokenizers.Loading;

/// <summary>
/// Reads post-processors: for ids of a single text all of them come down to a prefix and a suffix. The reference tells them apart by
/// shape, so the type may be missing.
/// </summary>
internal static class PostProcessorFactory
{
    /// <summary>The ids that <paramref name="json"/> puts around a single text (<see cref="SpecialTokenTemplate.None"/> for JSON null).</summary>
    public static SpecialTokenTemplate Create(ComponentJson json)
    {
        if (json.IsNull)
        {
            return SpecialTokenTemplate.None;
        }

        return json.Type switch
        {
            "Sequence" => Sequence(json),
            "TemplateProcessing" => Template(json),
            "BertProcessing" or "RobertaProcessing" => Wrapped(json),
            "ByteLevel" => SpecialTokenTemplate.None,
            null when json.Has("cls") && json.Has("sep") => Wrapped(json),
            null when json.Has("processors") => Sequence(json),
            null when json.Has("single") => Template(json),
            null when json.Has("trim_offsets") => SpecialTokenTemplate.None,
            _ => throw json.Unknown("post-processor"),
        };
    }

    private static SpecialTokenTemplate Sequence(ComponentJson json)
    {
        var result = SpecialTokenTemplate.None;
        foreach (var processor in json.Items("processors"))
        {
            result = result.Then(Create(processor));
        }

        return result;
    }

    /// <summary>BERT and RoBERTa: a class token before the text, a separator behind it.</summary>
    private static SpecialTokenTemplate Wrapped(ComponentJson json) => new([TokenId(json, "cls")], [TokenId(json, "sep")]);

    private static int TokenId(ComponentJson json, string name)
    {
        var pair = json.Items(name);
        return pair.Count == 2 ? pair[1].AsInt() : throw json.Required(name).Error("a token and its id are expected");
    }

    private static SpecialTokenTemplate Template(ComponentJson json)
    {
        var tokens = json.Required("special_tokens");
        List<int> prefix = [], suffix = [];
        var sequences = 0;
        foreach (var piece in json.Items("single"))
        {
            if (piece.Optional("Sequence") is not null)
            {
                sequences++;
            }
            else
            {
                var name = piece.Required("SpecialToken").String("id");
                (sequences == 0 ? prefix : suffix).AddRange(tokens.Required(name).Items("ids").Select(id => id.AsInt()));
            }
        }

        return sequences == 1
            ? new SpecialTokenTemplate([.. prefix], [.. suffix])
            : throw json.Required("single").Error($"a template for one text has it once, not {sequences} times");
    }
}
