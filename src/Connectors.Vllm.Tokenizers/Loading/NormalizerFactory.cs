using System.Text;
using Connectors.Vllm.Tokenizers.Normalizers;
using Connectors.Vllm.Tokenizers.RegularExpressions;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.Loading;

/// <summary>Creates normalizers from their JSON.</summary>
internal static class NormalizerFactory
{
    private static readonly CodePointSet NmtDropped = CodePointSet.FromRanges(
        [(0x01, 0x08), (0x0B, 0x0B), (0x0E, 0x1F), (0x7F, 0x7F), (0x8F, 0x8F), (0x9F, 0x9F)]);

    private static readonly CodePointSet NmtBlanks = CodePointSet.FromRanges(
    [
        (0x09, 0x0A), (0x0C, 0x0D), (0x1680, 0x1680), (0x200B, 0x200F), (0x2028, 0x2029), (0x2581, 0x2581), (0xFEFF, 0xFEFF), (0xFFFD, 0xFFFD),
    ]);

    /// <summary>Creates the normalizer that <paramref name="json"/> describes (with or without a type), or null if it changes nothing.</summary>
    public static Normalizer? Create(ComponentJson json)
    {
        if (json.IsNull)
        {
            return null;
        }

        switch (json.Type ?? Guess(json))
        {
            case "Sequence":
                return Sequence([.. json.Items("normalizers").Select(Create)]);
            case "NFC":
                return new UnicodeFormNormalizer(() => UnicodeNormalization.Nfc);
            case "NFD":
                return new UnicodeFormNormalizer(() => UnicodeNormalization.Nfd);
            case "NFKC":
                return new UnicodeFormNormalizer(() => UnicodeNormalization.Nfkc);
            case "NFKD":
                return new UnicodeFormNormalizer(() => UnicodeNormalization.Nfkd);
            case "Lowercase":
                return new LowercaseNormalizer();
            case "Strip" or "StripNormalizer":
                return new StripNormalizer(json.Required("strip_left").AsBool(), json.Required("strip_right").AsBool());
            case "StripAccents":
                return new FilterNormalizer(UnicodeSets.OldMarks, CodePointSet.Empty);
            case "Nmt":
                return new FilterNormalizer(NmtDropped, NmtBlanks);
            case "Prepend":
                return new PrependNormalizer(Encoding.UTF8.GetBytes(json.String("prepend")));
            case "Replace":
                return Replace(json);
            case "Bert" or "BertNormalizer":
                return Bert(json);
            case "Precompiled":
                return Precompiled(json);
            case "ByteLevel":
                return new ByteLevelNormalizer();
            default:
                throw json.Unknown("normalizer");
        }
    }

    /// <summary>Determines the type of a component from its properties; old files have no type.</summary>
    private static string? Guess(ComponentJson json) =>
        json.Has("normalizers") ? "Sequence"
        : json.Has("clean_text") ? "Bert"
        : json.Has("strip_left") ? "Strip"
        : json.Has("precompiled_charsmap") ? "Precompiled"
        : json.Has("pattern") ? "Replace"
        : json.Has("prepend") ? "Prepend"
        : null;

    private static Normalizer? Sequence(IEnumerable<Normalizer?> parts)
    {
        Normalizer[] some = [.. parts.OfType<Normalizer>()];
        return some.Length switch
        {
            0 => null,
            1 => some[0],
            _ => new SequenceNormalizer(some),
        };
    }

    private static Normalizer Replace(ComponentJson json)
    {
        var content = Encoding.UTF8.GetBytes(json.String("content"));
        return PatternReader.Read(json.Required("pattern"), out var literal) is { } regex
            ? new RegexReplaceNormalizer(regex, content)
            : new LiteralReplaceNormalizer(Encoding.UTF8.GetBytes(literal), content);
    }

    private static Normalizer? Bert(ComponentJson json)
    {
        var lowercase = json.Bool("lowercase", true);
        return Sequence(
        [
            json.Bool("clean_text", true) ? BertCleaning() : null,
            json.Bool("handle_chinese_chars", true) ? new CjkSpacingNormalizer() : null,
            json.Bool("strip_accents", lowercase) ? new UnicodeFormNormalizer(() => UnicodeNormalization.Nfd) : null,
            json.Bool("strip_accents", lowercase) ? new FilterNormalizer(UnicodeSets.OldNonspacing, CodePointSet.Empty) : null,
            lowercase ? new LowercaseNormalizer() : null,
        ]);
    }

    private static FilterNormalizer BertCleaning()
    {
        var layout = CodePointSet.FromRanges([('\t', '\n'), ('\r', '\r')]);
        var dropped = UnicodeSets.OldOther.Except(layout).Union(CodePointSet.Of(0xFFFD));
        return new FilterNormalizer(dropped, UnicodeSets.WhiteSpace.Except(CodePointSet.Of(' ')));
    }

    private static PrecompiledNormalizer Precompiled(ComponentJson json)
    {
        var map = json.Required("precompiled_charsmap");
        try
        {
            return new PrecompiledNormalizer(Convert.FromBase64String(map.AsString()));
        }
        catch (TokenizerException exception)
        {
            throw map.Error(exception.Message, exception);
        }
        catch (FormatException exception)
        {
            throw map.Error("the precompiled_charsmap is not base64", exception);
        }
    }
}

/// <summary>Reads the <c>pattern</c> of Split and Replace: <c>{"String": …}</c> or <c>{"Regex": …}</c>.</summary>
internal static class PatternReader
{
    /// <summary>Reads the compiled pattern, or null and the literal if the pattern is plain text.</summary>
    /// <exception cref="TokenizerException">The pattern has neither form, is malformed, or uses an unsupported feature.</exception>
    public static RegexProgram? Read(ComponentJson json, out string literal)
    {
        literal = string.Empty;
        if (json.OptionalString("Regex") is { } pattern)
        {
            return Compile(json, pattern);
        }

        literal = json.OptionalString("String") ?? throw json.Error("a pattern is {\"String\": …} or {\"Regex\": …}");

        // An empty text matches between all characters, which the regex engine handles.
        return literal.Length == 0 ? Compile(json, literal) : null;
    }

    private static RegexProgram Compile(ComponentJson json, string pattern)
    {
        try
        {
            return RegexCompiler.Compile(pattern);
        }
        catch (TokenizerException exception)
        {
            throw json.Error(exception.Message, exception);
        }
    }
}
