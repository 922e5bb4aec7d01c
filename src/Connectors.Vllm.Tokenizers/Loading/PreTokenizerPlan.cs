using System.Text.Json;
using Connectors.Vllm.Tokenizers.Scanners;

namespace Connectors.Vllm.Tokenizers.Loading;

/// <summary>What is known of a pre-tokenizer before it is built: whether the model can read raw bytes, and whether a scanner stands for it.</summary>
/// <param name="EndsWithByteLevel">Its last component is ByteLevel, so the model sees nothing but the printable alphabet of bytes.</param>
/// <param name="Scanner">The scanner that does the whole of it, or None.</param>
internal readonly record struct PreTokenizerPlan(bool EndsWithByteLevel, ScannerKind Scanner)
{
    public static PreTokenizerPlan Of(ComponentJson json)
    {
        var chain = Chain(json);
        if (chain.Count == 0 || chain[^1].Type != "ByteLevel" || chain.Take(chain.Count - 1).Any(component => component.Type == "ByteLevel"))
        {
            return default;
        }

        var last = chain[^1];
        var patterns = new List<string>();
        foreach (var component in chain.Take(chain.Count - 1))
        {
            if (IsolatedPattern(component) is not { } pattern)
            {
                return new PreTokenizerPlan(true, ScannerKind.None);
            }

            patterns.Add(pattern);
        }

        if (last.Bool("use_regex", true))
        {
            patterns.Add(ScannerPatterns.Gpt2);
        }

        return new PreTokenizerPlan(true, last.Bool("add_prefix_space", true) ? ScannerKind.None : ScannerPatterns.Recognise(patterns));
    }

    /// <summary>A ByteLevel normalizer before a ByteLevel pre-tokenizer maps bytes twice; then the alphabet must stay.</summary>
    public bool NormalizerAllowsRawBytes(ComponentJson normalizer) => EndsWithByteLevel && !Mentions(normalizer, "ByteLevel");

    private static bool Mentions(ComponentJson json, string type) =>
        !json.IsNull && (json.Type == type || (json.Type == "Sequence" && json.Items("normalizers").Any(item => Mentions(item, type))));

    private static List<ComponentJson> Chain(ComponentJson json)
    {
        if (json.IsNull)
        {
            return [];
        }

        return json.Type == "Sequence" ? [.. json.Items("pretokenizers").SelectMany(Chain)] : [json];
    }

    /// <summary>
    /// The pattern of a Split that keeps every piece. A Split that removes what lies between matches is the same when the pattern
    /// matches everything, as the single-Split patterns with scanners do.
    /// </summary>
    private static string? IsolatedPattern(ComponentJson component)
    {
        if (component.Type == "Digits" && component.Bool("individual_digits", false))
        {
            return ScannerPatterns.Digits;
        }

        if (component.Type != "Split" || component.Required("pattern").OptionalString("Regex") is not { } pattern)
        {
            return null;
        }

        return (component.String("behavior"), component.Bool("invert", false)) switch
        {
            ("Isolated", _) => pattern,
            ("Removed", true) when ScannerPatterns.Recognise(pattern) != ScannerKind.None => pattern,
            _ => null,
        };
    }
}
