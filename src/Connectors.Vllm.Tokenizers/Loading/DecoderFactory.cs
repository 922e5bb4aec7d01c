using System.Text;
using Connectors.Vllm.Tokenizers.Decoding;
using Connectors.Vllm.Tokenizers.Normalizers;
using Connectors.Vllm.Tokenizers.PreTokenizers;

namespace Connectors.Vllm.Tokenizers.Loading;

/// <summary>Creates decoders from their JSON.</summary>
internal static class DecoderFactory
{
    /// <summary>Creates the decoder that <paramref name="json"/> describes (with or without a type, including Sequence).</summary>
    public static TokenDecoder Create(ComponentJson json) => (json.Type ?? Guess(json)) switch
    {
        "Sequence" => new SequenceDecoder([.. json.Items("decoders").Select(Create)]),
        "ByteLevel" => new ByteLevelDecoder(),
        "Replace" => Replace(json),
        "ByteFallback" => new ByteFallbackDecoder(),
        "Fuse" => new FuseDecoder(),
        "Strip" => new StripDecoder(Character(json.Required("content")), Count(json.Required("start")), Count(json.Required("stop"))),
        "Metaspace" => new MetaspaceDecoder(PreTokenizerFactory.Metaspace(json)),
        "WordPiece" => new WordPieceDecoder(json.OptionalString("prefix") ?? "##", json.Bool("cleanup", true)),
        "BPEDecoder" or "BPE" => new BpeSuffixDecoder(json.OptionalString("suffix") ?? "</w>"),
        "CTC" => new CtcDecoder(
            json.OptionalString("pad_token") ?? "<pad>", json.OptionalString("word_delimiter_token") ?? "|", json.Bool("cleanup", true)),
        _ => throw json.Unknown("decoder"),
    };

    /// <summary>Determines the type of a component from its properties; old files have no type.</summary>
    private static string? Guess(ComponentJson json) =>
        json.Has("decoders") ? "Sequence"
        : json.Has("suffix") ? "BPEDecoder"
        : json.Has("prefix") ? "WordPiece"
        : json.Has("replacement") ? "Metaspace"
        : json.Has("word_delimiter_token") ? "CTC"
        : json.Has("pattern") ? "Replace"
        : json.Has("stop") ? "Strip"
        : json.Has("trim_offsets") ? "ByteLevel"
        : null;

    private static ReplaceDecoder Replace(ComponentJson json)
    {
        var content = Encoding.UTF8.GetBytes(json.String("content"));
        return new ReplaceDecoder(PatternReader.Read(json.Required("pattern"), out var literal) is { } regex
            ? new RegexReplaceNormalizer(regex, content)
            : new LiteralReplaceNormalizer(Encoding.UTF8.GetBytes(literal), content));
    }

    private static Rune Character(ComponentJson json) =>
        Rune.DecodeFromUtf16(json.AsString(), out var rune, out var length) == System.Buffers.OperationStatus.Done && length == json.AsString().Length
            ? rune
            : throw json.Error("exactly one character is expected");

    private static int Count(ComponentJson json) => json.AsInt() is >= 0 and var count ? count : throw json.Error("a count of 0 or more is expected");
}

/// <summary>Recognizes decoder chains that have a direct implementation.</summary>
internal static class DecoderShapes
{
    private const string Marker = "\u2581";

    public static DecoderKind Recognize(ComponentJson json)
    {
        if (json.IsNull)
        {
            return DecoderKind.JoinWithSpaces;
        }

        if (json.Type == "ByteLevel")
        {
            return DecoderKind.Bytes;
        }

        if (json.Type != "Sequence" || json.Items("decoders") is not { Count: 1 or 3 or 4 } chain)
        {
            return DecoderKind.Chain;
        }

        if (chain.Count == 1)
        {
            return Recognize(chain[0]);
        }

        var plain = chain[0].Type == "Replace" && chain[0].Required("pattern").OptionalString("String") == Marker && chain[0].String("content") == " "
            && chain[1].Type == "ByteFallback" && chain[2].Type == "Fuse";
        if (!plain)
        {
            return DecoderKind.Chain;
        }

        if (chain.Count == 3)
        {
            return DecoderKind.ByteFallback;
        }

        return chain[3].Type == "Strip" && chain[3].String("content") == " " && chain[3].Int("start", 0) == 1 && chain[3].Int("stop", 0) == 0
            ? DecoderKind.ByteFallbackStrip
            : DecoderKind.Chain;
    }
}
