using System.Text;

namespace Connectors.Vllm.Tokenizers;

/// <summary>Makes decoders from their JSON.</summary>
internal static class DecoderFactory
{
    /// <summary>The decoder that <paramref name="json"/> describes (tagged or untagged form, Sequence included).</summary>
    public static Decoder Create(ComponentJson json) => (json.Type ?? Guess(json)) switch
    {
        "Sequence" => new SequenceDecoder([.. json.Items("decoders").Select(Create)]),
        "ByteLevel" => new ByteLevelDecoder(),
        "Replace" => Replace(json),
        "ByteFallback" => new ByteFallbackDecoder(),
        "Fuse" => new FuseDecoder(),
        "Strip" => new StripDecoder(Character(json.Required("content")), Count(json.Required("start")), Count(json.Required("stop"))),
        "Metaspace" => new MetaspaceDecoder(MetaspaceSettings.Read(json)),
        "WordPiece" => new WordPieceDecoder(json.OptionalString("prefix") ?? "##", json.Bool("cleanup", true)),
        "BPEDecoder" or "BPE" => new BpeSuffixDecoder(json.OptionalString("suffix") ?? "</w>"),
        "CTC" => new CtcDecoder(json.OptionalString("pad_token") ?? "<pad>", json.OptionalString("word_delimiter_token") ?? "|", json.Bool("cleanup", true)),
        _ => throw json.Unknown("decoder"),
    };

    /// <summary>Old files have no type: the shape tells.</summary>
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
