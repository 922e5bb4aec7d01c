using System.Text;
using System.Text.Json;
using Connectors.Vllm.Tokenizers.PreTokenizers;
using Connectors.Vllm.Tokenizers.RegularExpressions;
using Connectors.Vllm.Tokenizers.Scanners;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.Loading;

/// <summary>Makes pre-tokenizers from their JSON. Chains that have a scanner are handled before.</summary>
internal static class PreTokenizerFactory
{
    /// <summary>
    /// Creates the pre-tokenizer that <paramref name="json"/> describes (with or without a type, including Sequence), or null if it does not split.
    /// </summary>
    /// <param name="json">The component.</param>
    /// <param name="rawBytes"> Whether the model reads raw bytes: the last component of the chain is then ByteLevel (checked by the caller), and its
    /// mapping of bytes to the printable alphabet is omitted (but not its prefix space and its regex). </param>
    public static PreTokenizer? Create(ComponentJson json, bool rawBytes)
    {
        if (json.IsNull)
        {
            return null;
        }

        switch (json.Type ?? Guess(json))
        {
            case "Sequence":
                return Sequence(json, rawBytes);
            case "ByteLevel":
                return new ByteLevelPreTokenizer(json.Bool("add_prefix_space", true), json.Bool("use_regex", true), mapBytes: !rawBytes);
            case "Split":
                return Split(json);
            case "Metaspace":
                return new MetaspacePreTokenizer(Metaspace(json));
            case "Whitespace":
                return new RegexSplitPreTokenizer(RegexCompiler.CompileWords(), SplitBehavior.Removed, invert: true);
            case "WhitespaceSplit":
                return new CharacterSplitPreTokenizer(UnicodeSets.WhiteSpace, SplitBehavior.Removed);
            case "BertPreTokenizer" or "Bert":
                return new BertPreTokenizer();
            case "Punctuation":
                return new CharacterSplitPreTokenizer(
                    UnicodeSets.OldPunctuation, json.Optional("behavior") is { } behavior ? Behavior(behavior) : SplitBehavior.Isolated);
            case "Digits":
                return new CharacterSplitPreTokenizer(
                    UnicodeSets.Numeric, json.Bool("individual_digits", false) ? SplitBehavior.Isolated : SplitBehavior.Contiguous);
            case "Delimiter" or "CharDelimiterSplit":
                return new CharacterSplitPreTokenizer(CodePointSet.Of(Delimiter(json.Required("delimiter"))), SplitBehavior.Removed);
            case "UnicodeScripts":
                return new UnicodeScriptsPreTokenizer();
            case "FixedLength":
                return json.Int("length", 5) is > 0 and var length
                    ? new FixedLengthPreTokenizer(length)
                    : throw json.Error("the length must be above 0");
            default:
                throw json.Unknown("pre-tokenizer");
        }
    }

    /// <summary>Determines the type of a component from its properties; old files have no type.</summary>
    private static string? Guess(ComponentJson json) =>
        json.Has("pretokenizers") ? "Sequence"
        : json.Has("pattern") ? "Split"
        : json.Has("delimiter") ? "Delimiter"
        : json.Has("replacement") ? "Metaspace"
        : json.Has("individual_digits") ? "Digits"
        : json.Has("trim_offsets") ? "ByteLevel"
        : null;

    private static SequencePreTokenizer? Sequence(ComponentJson json, bool rawBytes)
    {
        var items = json.Items("pretokenizers");
        var parts = new List<PreTokenizer>();
        for (var i = 0; i < items.Count; i++)
        {
            if (Create(items[i], rawBytes && i == items.Count - 1) is { } part)
            {
                parts.Add(part);
            }
        }

        return parts.Count == 0 ? null : new SequencePreTokenizer(parts);
    }

    private static PreTokenizer Split(ComponentJson json)
    {
        var behavior = Behavior(json.Required("behavior"));
        var invert = json.Bool("invert", false);
        return PatternReader.Read(json.Required("pattern"), out var literal) is { } regex
            ? new RegexSplitPreTokenizer(regex, behavior, invert)
            : new LiteralSplitPreTokenizer(Encoding.UTF8.GetBytes(literal), behavior, invert);
    }

    private static SplitBehavior Behavior(ComponentJson json) => json.AsString() switch
    {
        "Removed" or "removed" => SplitBehavior.Removed,
        "Isolated" or "isolated" => SplitBehavior.Isolated,
        "MergedWithPrevious" or "merged_with_previous" => SplitBehavior.MergedWithPrevious,
        "MergedWithNext" or "merged_with_next" => SplitBehavior.MergedWithNext,
        "Contiguous" or "contiguous" => SplitBehavior.Contiguous,
        var other => throw json.Error(
            $"the behavior '{other}' is unknown; known are Removed, Isolated, MergedWithPrevious, MergedWithNext and Contiguous"),
    };

    /// <summary>Reads the settings of Metaspace (pre-tokenizer or decoder), in the current or the older form.</summary>
    public static MetaspaceSettings Metaspace(ComponentJson json)
    {
        var marker = json.Required("replacement");
        if (Rune.DecodeFromUtf16(marker.AsString(), out var rune, out var length) != System.Buffers.OperationStatus.Done
            || length != marker.AsString().Length)
        {
            throw marker.Error("the replacement must be exactly one character");
        }

        var scheme = json.OptionalString("prepend_scheme") switch
        {
            null => (MetaspacePrepend?)null,
            "always" => MetaspacePrepend.Always,
            "first" => MetaspacePrepend.First,
            "never" => MetaspacePrepend.Never,
            var other => throw json.Error($"the prepend_scheme '{other}' is unknown; known are always, first and never"),
        };

        // The older form has add_prefix_space; false means never, and must not contradict a prepend scheme.
        if (!json.Bool("add_prefix_space", true))
        {
            scheme = scheme is null or MetaspacePrepend.Never
                ? MetaspacePrepend.Never
                : throw json.Error("add_prefix_space is false, but prepend_scheme is not 'never'");
        }

        return new MetaspaceSettings(rune, scheme ?? MetaspacePrepend.Always, json.Bool("split", true));
    }

    private static int Delimiter(ComponentJson json) =>
        Rune.DecodeFromUtf16(json.AsString(), out var rune, out var length) == System.Buffers.OperationStatus.Done && length == json.AsString().Length
            ? rune.Value
            : throw json.Error("the delimiter must be exactly one character");
}

/// <summary>
/// The properties of a pre-tokenizer that are determined before it is created: whether the model can read raw bytes, and whether a scanner implements
/// it.
/// </summary>
/// <param name="EndsWithByteLevel">Whether its last component is ByteLevel, so that the model's input consists of the printable alphabet of
/// bytes.</param>
/// <param name="Scanner">The scanner that implements it, or None.</param>
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

        return new PreTokenizerPlan(true, last.Bool("add_prefix_space", true) ? ScannerKind.None : ScannerPatterns.Recognize(patterns));
    }

    /// <summary>
    /// Whether a normalizer allows raw bytes. A ByteLevel normalizer before a ByteLevel pre-tokenizer maps bytes twice, so the alphabet must be kept.
    /// </summary>
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
    /// Gets the pattern of a Split that keeps every piece. A Split that removes the text between matches is equivalent if the pattern matches
    /// everything, as those of the scanners do.
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
            ("Removed", true) when ScannerPatterns.Recognize(pattern) != ScannerKind.None => pattern,
            _ => null,
        };
    }
}
