namespace Connectors.Vllm.Oracle.Tests.Tokenizers.Components;

/// <summary>Every decoder and chain of decoders against the reference, on random ids.</summary>
public sealed class DecoderOracleTests(TokenizerOracle oracle) : IClassFixture<TokenizerOracle>
{
    private const string Replace = """{"type":"Replace","pattern":{"String":"▁"},"content":" "}""";

    private static readonly string[] Tokens =
    [
        "<unk>", "a", "b", "▁", "▁the", "▁▁", "##ing", "##s", "hello</w>", "wor</w>ld</w>", "</w>", "<pad>", "|", ".", ",", "'", "n't", "'s", "do",
        "not", "Ġhello", "Ċ", "é", "Ã©", "Ã", "©", " ", "  x ",
        "<0x41>", "<0xE4>", "<0xBD>", "<0xA0>", "<0xFF>", "<0x0A>", "<0xzz>", "<0x4>", "你", "😀", "aa", "xax", "▁a▁b", "## ", "\n", "123", "do not",
        "we 're", "ab12cd",
    ];

    public static TheoryData<string> Decoders { get; } =
    [
        """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}""",
        """{"type":"Fuse"}""",
        """{"type":"ByteFallback"}""",
        Replace,
        """{"type":"Replace","pattern":{"Regex":"[0-9]+|a"},"content":"<>"}""",
        """{"type":"Strip","content":" ","start":1,"stop":0}""",
        """{"type":"Strip","content":"x","start":1,"stop":1}""",
        """{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}""",
        """{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":true}""",
        """{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false}""",
        """{"type":"Metaspace","replacement":"▁","add_prefix_space":true}""",
        """{"type":"WordPiece","prefix":"##","cleanup":true}""",
        """{"type":"WordPiece","prefix":"##","cleanup":false}""",
        """{"type":"BPEDecoder","suffix":"</w>"}""",
        """{"type":"CTC","pad_token":"<pad>","word_delimiter_token":"|","cleanup":true}""",
        """{"type":"CTC","pad_token":"<pad>","word_delimiter_token":"|","cleanup":false}""",
        """{"type":"Sequence","decoders":[]}""",
        $$"""{"type":"Sequence","decoders":[{{Replace}},{"type":"ByteFallback"},{"type":"Fuse"}]}""",
        $$"""{"type":"Sequence","decoders":[{{Replace}},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}""",
        """{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}]}""",
        """{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Strip","content":" ","start":2,"stop":0},{"type":"Fuse"}]}""",
        """{"type":"Sequence","decoders":[{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},{"type":"Strip","cont"""
            + """ent":" ","start":3,"stop":0}]}""",
        """{"type":"Sequence","decoders":[{"type":"WordPiece","prefix":"##","cleanup":true},{"type":"Fuse"},{"type":"Replace","pattern":{"Rege"""
            + """x":"\\s+"},"content":" "}]}""",
        "null",
    ];

    [Theory]
    [MemberData(nameof(Decoders))]
    public void Decode_RandomIds_EqualReference(string decoder)
    {
        var vocabulary = string.Join(',', Tokens.Select((token, id) => $"{SyntheticTokenizer.Quote(token)}:{id}"));
        using var synthetic = new SyntheticTokenizer(
            decoder: decoder,
            model: $$"""{"type":"WordLevel","vocab":{ {{vocabulary}} },"unk_token":"<unk>"}""",
            addedTokens: """[{"id":11,"content":"<pad>","special":true,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false},{"i"""
                + """d":45,"content":"ab12cd","special":false,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false}]""");
        oracle.Load(synthetic.Path);
        var tokenizer = synthetic.Load();
        var random = new Random(413);
        var lists = Enumerable.Range(0, HardStrings.Count)
            .Select(_ => Enumerable.Range(0, random.Next(12)).Select(_ => random.Next(20) == 0 ? 1000 : random.Next(Tokens.Length)).ToArray())
            .Concat(Enumerable.Range(0, Tokens.Length).Select(id => new[] { id }))
            .ToList();
        foreach (var skip in new[] { false, true })
        {
            var expected = oracle.Decode(lists, skip);
            var keys =
                lists.Select((list, i) => i.ToString(System.Globalization.CultureInfo.InvariantCulture) + ":"
                    + string.Join(' ', list.Select(id => id < Tokens.Length ? Tokens[id] : "?"))).ToList();
            Differences.AssertNone(
                keys, expected, key =>
                tokenizer.Decode(lists[int.Parse(key[..key.IndexOf(':')], System.Globalization.CultureInfo.InvariantCulture)], skip), text => text);
        }
    }
}
