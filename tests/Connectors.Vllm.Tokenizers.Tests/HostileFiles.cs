using System.Text;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.Tokenizers.Tests;

/// <summary>
/// tokenizer.json files as an attacker would write them, well-formed and otherwise: every component with odd, huge and repeated values, in long and
/// nested sequences, sometimes with damaged bytes. The same seed gives the same files.
/// </summary>
internal sealed class HostileFiles(int seed)
{
    private static readonly string[] Words =
        ["a", "b", "aa", "ab", "", " ", "▁", "<s>", "<unk>", "e\u0301", "é", "漢", "\u0000", "##", "</w>", "<0x41>", "<0xFF>", "🫨", "Ġ", "\uFFFD"];

    private static readonly string[] Patterns =
    [
        "a", @"\p{L}+", "(a|b|ab)*c", "((a*)*)*", "a{1000}", ".{0,50000}", "(?=a)", "(?<!a)b", @"\s+(?!\S)|\s+", "[^a]*", "(?i:A)",
        "(a?){60}a{60}", "(a|aa)+$", @"(\w+\s?)*!",
    ];

    private static readonly string[] BadPatterns = ["[", "(", "", @"\p{Nonsense}", "a{3,1}", "(?<name>a)"];

    private const int LongestList = 1_000_000;

    private readonly Random _random = new(seed);

    public byte[] Next()
    {
        var json = new JsonObject { ["version"] = "1.0", ["model"] = Model(), ["added_tokens"] = AddedTokens() };
        Maybe(json, "normalizer", () => Normalizer(3));
        Maybe(json, "pre_tokenizer", () => PreTokenizer(3));
        Maybe(json, "decoder", () => Decoder(3));
        if (_random.Next(8) == 0)
        {
            json["post_processor"] = PostProcessor();
        }

        var bytes = Encoding.UTF8.GetBytes(json.ToJsonString());
        for (var damage = _random.Next(8) == 0 ? _random.Next(1, 4) : 0; damage > 0; damage--)
        {
            bytes[_random.Next(bytes.Length)] = (byte)_random.Next(256);
        }

        return bytes;
    }

    /// <summary>A text that such files get: short, or long and repeated.</summary>
    public string Text() => _random.Next(4) switch
    {
        0 => new string('a', _random.Next(1, 20_000)),
        1 => string.Concat(Enumerable.Repeat(Word() + Word(), _random.Next(1, 3_000))),
        _ => string.Concat(Enumerable.Range(0, _random.Next(12)).Select(_ => Word())),
    };

    private string Word() => Pick(Words);

    private string Content() => _random.Next(12) == 0 ? new string('b', _random.Next(3) == 0 ? 1_000_000 : 1_000) : Word();

    private T Pick<T>(IReadOnlyList<T> items) => items[_random.Next(items.Count)];

    private int Number() => _random.Next(20) == 0 ? Pick([-1, 256, 100_000, int.MaxValue, int.MinValue]) : Pick([0, 1, 2, 5]);

    private bool Flag() => _random.Next(2) == 0;

    private void Maybe(JsonObject target, string name, Func<JsonNode> value)
    {
        if (_random.Next(3) > 0)
        {
            target[name] = value();
        }
    }

    private JsonObject Pattern() => _random.Next(2) == 0
        ? new JsonObject { ["String"] = Content() }
        : new JsonObject { ["Regex"] = Pick(_random.Next(20) == 0 ? BadPatterns : Patterns) };

    private JsonObject Sequence(string name, Func<JsonNode> part)
    {
        // The same part again and again, as often as a file of a few megabytes can hold it; or a few different ones.
        var same = _random.Next(3) == 0 ? part() : null;
        var length = same is null || _random.Next(4) > 0 ? _random.Next(1, 6) : Math.Clamp(LongestList / same.ToJsonString().Length, 1, 5_000);
        return new JsonObject
        {
            ["type"] = "Sequence",
            [name] = new JsonArray([.. Enumerable.Range(0, length).Select(_ => same?.DeepClone() ?? part())]),
        };
    }

    private JsonObject Normalizer(int depth) => _random.Next(depth > 0 ? 12 : 9) switch
    {
        0 => Typed(Pick(["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel"])),
        1 => Typed("Prepend", ("prepend", Content())),
        2 => Typed("Strip", ("strip_left", Flag()), ("strip_right", Flag())),
        3 => Typed("BertNormalizer", ("clean_text", Flag()), ("handle_chinese_chars", Flag()), ("strip_accents", Flag()), ("lowercase", Flag())),
        4 when _random.Next(4) == 0 => Typed("Precompiled", ("precompiled_charsmap", Charsmap())),
        < 9 => Typed("Replace", ("pattern", Pattern()), ("content", Content())),
        _ => Sequence("normalizers", () => Normalizer(depth - 1)),
    };

    private JsonObject PreTokenizer(int depth) => _random.Next(depth > 0 ? 10 : 8) switch
    {
        0 => Typed(Pick(["Whitespace", "WhitespaceSplit", "BertPreTokenizer", "UnicodeScripts"])),
        1 => Typed("ByteLevel", ("add_prefix_space", Flag()), ("use_regex", Flag())),
        2 => Typed(
            "Metaspace",
            ("replacement", Pick(["▁", "▁", "▁", "a", "", "ab"])),
            ("prepend_scheme", Pick(["always", "never", "first", "always", "never", "?"])),
            ("split", Flag())),
        3 => Typed("Digits", ("individual_digits", Flag())),
        4 => Typed("FixedLength", ("length", Number())),
        5 => Typed("CharDelimiterSplit", ("delimiter", Pick(["a", " ", "▁", "ab"]))),
        < 8 => Typed(
            "Split",
            ("pattern", Pattern()),
            ("behavior", Pick(["Isolated", "Removed", "Contiguous", "MergedWithPrevious", "MergedWithNext"])),
            ("invert", Flag())),
        _ => Sequence("pretokenizers", () => PreTokenizer(depth - 1)),
    };

    private JsonObject Decoder(int depth) => _random.Next(depth > 0 ? 12 : 9) switch
    {
        0 => Typed(Pick(["ByteLevel", "ByteFallback", "Fuse"])),
        1 => Typed("Metaspace", ("replacement", "▁"), ("prepend_scheme", "always")),
        2 => Typed("WordPiece", ("prefix", Content()), ("cleanup", Flag())),
        3 => Typed("BPEDecoder", ("suffix", Content())),
        4 => Typed("CTC", ("pad_token", Word()), ("word_delimiter_token", Content()), ("cleanup", Flag())),
        5 => Typed("Strip", ("content", Pick(["a", " ", "▁", "a", " ", "ab"])), ("start", Number()), ("stop", Number())),
        < 9 => Typed("Replace", ("pattern", Pattern()), ("content", Content())),
        _ => Sequence("decoders", () => Decoder(depth - 1)),
    };

    private JsonObject PostProcessor() => Typed(
        "TemplateProcessing",
        ("single", new JsonArray([.. Enumerable.Range(0, _random.Next(1, 5)).Select(_ => Flag()
            ? new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = Word(), ["type_id"] = 0 } }
            : new JsonObject { ["Sequence"] = new JsonObject { ["id"] = "A", ["type_id"] = 0 } })])),
        ("pair", new JsonArray()),
        ("special_tokens", new JsonObject
        {
            [Word()] = new JsonObject { ["id"] = "x", ["ids"] = new JsonArray(Number()), ["tokens"] = new JsonArray("x") },
        }));

    private JsonObject Model() => _random.Next(4) switch
    {
        0 => Typed(
            "Unigram",
            ("unk_id", Number()),
            ("byte_fallback", Flag()),
            ("vocab", new JsonArray([.. Vocabulary().Select(word => new JsonArray(word, Pick([0.0, -1, -1e30, 1e308, -1e308])))]))),
        1 => Typed(
            "WordPiece",
            ("unk_token", "<unk>"),
            ("continuing_subword_prefix", Word()),
            ("max_input_chars_per_word", Number()),
            ("vocab", Ids())),
        2 => Typed("WordLevel", ("unk_token", "<unk>"), ("vocab", Ids())),
        _ => Typed(
            "BPE",
            ("unk_token", Flag() ? "<unk>" : null),
            ("fuse_unk", Flag()),
            ("byte_fallback", Flag()),
            ("ignore_merges", Flag()),
            ("continuing_subword_prefix", Flag() ? Word() : null),
            ("end_of_word_suffix", Flag() ? Word() : null),
            ("vocab", Ids()),
            ("merges", new JsonArray(Flag() ? [] : [new JsonArray("a", "a"), new JsonArray("a", "b")]))),
    };

    private IEnumerable<string> Vocabulary() =>
        ["<unk>", "<s>", "a", "b", .. Words.Where(_ => Flag()), .. _random.Next(20) == 0 ? [Content()] : Array.Empty<string>()];

    private JsonObject Ids()
    {
        var ids = new JsonObject();
        foreach (var word in Vocabulary())
        {
            ids[word] = _random.Next(40) == 0 ? Number() : ids.Count;
        }

        return ids;
    }

    private JsonArray AddedTokens() => [.. Enumerable.Range(0, _random.Next(4)).Select(_ => (JsonNode)new JsonObject
    {
        ["id"] = 500 + Number(),
        ["content"] = _random.Next(3) == 0 ? "<s>" : Content(),
        ["special"] = Flag(),
        ["normalized"] = Flag(),
        ["lstrip"] = Flag(),
        ["rstrip"] = Flag(),
        ["single_word"] = Flag(),
    })];

    private string Charsmap()
    {
        // A trie of random units, sometimes one that leads in a circle.
        var units = new byte[4 * 1024];
        _random.NextBytes(units);
        return Convert.ToBase64String([.. BitConverter.GetBytes(units.Length), .. units, .. "ab\0c\0"u8]);
    }

    private static JsonObject Typed(string type, params (string Name, JsonNode? Value)[] values)
    {
        var result = new JsonObject { ["type"] = type };
        foreach (var (name, value) in values)
        {
            result[name] = value;
        }

        return result;
    }
}
