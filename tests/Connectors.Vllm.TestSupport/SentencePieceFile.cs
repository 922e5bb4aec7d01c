using System.Text;
using System.Text.Json.Nodes;
using Google.Protobuf;

namespace Connectors.Vllm.TestSupport;

/// <summary>One entry of a SentencePiece vocabulary.</summary>
/// <param name="Text">The piece, with U+2581 for spaces.</param>
/// <param name="Score">How good it is; merges with a higher score come first.</param>
/// <param name="Kind">The kind of piece.</param>
public sealed record SentencePiece(string Text, float Score, SentencePieceKind Kind = SentencePieceKind.Normal);

/// <summary>The kinds of pieces, with the numbers they have in a file.</summary>
public enum SentencePieceKind
{
    /// <summary>Text.</summary>
    Normal = 1,

    /// <summary>The unknown token.</summary>
    Unknown = 2,

    /// <summary>A control token, which text never becomes.</summary>
    Control = 3,

    /// <summary>Text that is never cut.</summary>
    UserDefined = 4,

    /// <summary>Text that is not used.</summary>
    Unused = 5,

    /// <summary>One byte.</summary>
    Byte = 6,
}

/// <summary>Writes SentencePiece files (<c>tokenizer.model</c>, a serialized ModelProto).</summary>
public sealed record SentencePieceFile(IReadOnlyList<SentencePiece> Pieces)
{
    private const int Unigram = 1, Bpe = 2;

    /// <summary>Algorithm: 1 Unigram, 2 BPE.</summary>
    public int Algorithm { get; init; } = Bpe;

    /// <summary>Whether text without pieces becomes bytes.</summary>
    public bool ByteFallback { get; init; } = true;

    /// <summary>Whether a space is added at the start of a text.</summary>
    public bool AddsPrefix { get; init; } = true;

    /// <summary>Whether consecutive spaces are collapsed, and leading and trailing ones removed.</summary>
    public bool TrimsBlanks { get; init; }

    /// <summary>The compiled character map; empty for none.</summary>
    public byte[] Map { get; init; } = [];

    /// <summary>
    /// The SentencePiece file of a vocabulary that is known as a tokenizer.json: what that file was converted from, as far as ids go. Pieces that are
    /// the result of a merge get its place as their score.
    /// </summary>
    /// <param name="json">A tokenizer.json of a BPE model with byte fallback.</param>
    public static SentencePieceFile FromTokenizerJson(JsonNode json)
    {
        var model = json["model"]!;
        var vocabulary = model["vocab"]!.AsObject().ToDictionary(entry => entry.Key, entry => entry.Value!.GetValue<int>(), StringComparer.Ordinal);
        var kinds = new Dictionary<int, SentencePieceKind>();
        foreach (var token in json["added_tokens"]!.AsArray())
        {
            var content = token!["content"]!.GetValue<string>();
            vocabulary.TryAdd(content, token["id"]!.GetValue<int>());
            kinds[vocabulary[content]] = content == model["unk_token"]?.GetValue<string>() ? SentencePieceKind.Unknown
                : token["special"]!.GetValue<bool>() ? SentencePieceKind.Control : SentencePieceKind.UserDefined;
        }

        var merges = model["merges"]!.AsArray();
        var ranks = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var rank = 0; rank < merges.Count; rank++)
        {
            var merged = merges[rank] is JsonArray pair ? string.Concat(pair.Select(part => part!.GetValue<string>()))
                : merges[rank]!.GetValue<string>().Replace(" ", string.Empty, StringComparison.Ordinal);
            ranks.TryAdd(merged, rank);
        }

        var pieces = new SentencePiece[vocabulary.Count];
        foreach (var (text, id) in vocabulary)
        {
            var kind = kinds.TryGetValue(id, out var known) ? known
                : text.Length == 6 && text.StartsWith("<0x", StringComparison.Ordinal) ? SentencePieceKind.Byte : SentencePieceKind.Normal;
            var score = kind != SentencePieceKind.Normal ? 0f : ranks.TryGetValue(text, out var rank) ? -rank : -1_000_000f - id;
            pieces[id] = new SentencePiece(text, score, kind);
        }

        return new SentencePieceFile(pieces) { AddsPrefix = json["normalizer"]!.ToJsonString().Contains("Prepend", StringComparison.Ordinal) };
    }

    /// <summary>The file's bytes.</summary>
    public byte[] ToBytes() => Message(model =>
    {
        foreach (var piece in Pieces)
        {
            Write(model, 1, Message(output =>
            {
                Write(output, 1, Encoding.UTF8.GetBytes(piece.Text));
                output.WriteTag(2, WireFormat.WireType.Fixed32);
                output.WriteFloat(piece.Score);
                Write(output, 3, (int)piece.Kind);
            }));
        }

        Write(model, 2, Message(output =>
        {
            Write(output, 3, Algorithm);
            Write(output, 4, Pieces.Count);
            Write(output, 35, ByteFallback ? 1 : 0);
            string[][] names = [["<unk>"], ["<s>", "<bos>"], ["</s>", "<eos>"]];
            for (var i = 0; i < names.Length; i++)
            {
                // The ids and names of the unknown, begin and end tokens.
                var id = Pieces.Select((piece, at) => names[i].Contains(piece.Text) ? at : -1).FirstOrDefault(at => at >= 0, -1);
                Write(output, 40 + i, id);
                Write(output, 45 + i, Encoding.UTF8.GetBytes(id < 0 ? names[i][0] : Pieces[id].Text));
            }
        }));
        Write(model, 3, Message(output =>
        {
            Write(output, 1, Encoding.UTF8.GetBytes("identity"));
            Write(output, 2, Map);
            Write(output, 3, AddsPrefix ? 1 : 0);
            Write(output, 4, TrimsBlanks ? 1 : 0);
        }));
    });

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using var stream = new MemoryStream();
        using var output = new CodedOutputStream(stream, leaveOpen: true);
        write(output);
        output.Flush();
        return stream.ToArray();
    }

    private static void Write(CodedOutputStream output, int field, int value)
    {
        output.WriteTag(field, WireFormat.WireType.Varint);
        output.WriteInt32(value);
    }

    private static void Write(CodedOutputStream output, int field, byte[] value)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(value));
    }
}
