using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Connectors.Vllm.Tokenizers.Tests.Files;

/// <summary>SentencePiece models, written by the test itself.</summary>
public sealed class SentencePieceTests
{
    private const int Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Byte = 6;

    private static readonly (string Text, float Score, int Kind)[] Llama =
    [
        ("<unk>", 0, Unknown), ("<s>", 0, Control), ("</s>", 0, Control),
        .. Enumerable.Range(0, 256).Select(value => ($"<0x{value:X2}>", 0f, Byte)),
        ("\u2581t", -1, Normal), ("he", -2, Normal), ("\u2581the", -3, Normal), ("in", -4, Normal), ("aa", -5, Normal), ("aaaa", -6, Normal),
        .. "\u2581thein漢ax".Select((letter, i) => (letter.ToString(), -100f - i, Normal)),
    ];

    private static readonly Gen<string> Texts = Gen.Elements("the", " the", "a", "aa", "in", " ", "  ", "漢", "é", "🫨", "x", "<s>", "\n").ListOf()
        .Select(string.Concat);

    [Fact]
    public void Encode_BpeModel_EqualsItsConvertedFile()
    {
        var tokenizer = Load(Model(Llama, kind: 2, byteFallback: true, trims: false));
        var merges = new[] { ("\u2581", "t"), ("h", "e"), ("\u2581t", "he"), ("i", "n"), ("a", "a"), ("aa", "aa") };
        var converted = TinyTokenizer.Load(TinyTokenizer.ByteFallback("thein漢ax", merges));
        Prop.ForAll(Texts.Where(text => !text.Contains('<', StringComparison.Ordinal)).ToArbitrary(), text =>
        {
            Assert.Equal(converted.Encode(text).Select(converted.IdToToken), tokenizer.Encode(text).Select(tokenizer.IdToToken));
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Encode_ControlSymbols_AreFoundInPromptsOnly()
    {
        var tokenizer = Load(Model(Llama, kind: 2, byteFallback: true, trims: false));

        Assert.Equal([1], tokenizer.Encode("<s>"));
        Assert.DoesNotContain(1, tokenizer.EncodeOrdinary("<s>"));
        Assert.Equal("<s>", tokenizer.Decode(tokenizer.EncodeOrdinary("<s>")));
        Assert.Equal([1, .. tokenizer.Encode("the")], tokenizer.Encode("the", addSpecialTokens: true));
    }

    [Theory]
    [InlineData("  a   b ", "▁a ▁b")]
    [InlineData("ab", "▁ab")]
    [InlineData("xｆ", "▁ x f")]
    [InlineData("", "")]
    [InlineData("  ", "")]
    [InlineData("a zzb", "▁a ▁ zzb")]
    public void Encode_UnigramModelWithMap_EqualsSentencePiece(string text, string expected)
    {
        // Full-width f becomes f, in a map of one entry; "zz" has no piece.
        (string, float, int)[] pieces =
        [
            ("<unk>", 0, Unknown), ("<s>", 0, Control), ("▁a", -1, Normal), ("▁b", -1, Normal), ("▁ab", -1.5f, Normal), ("▁", -3, Normal),
            ("x", -4, Normal), ("f", -4, Normal),
        ];
        var tokenizer = Load(Model(pieces, kind: 1, byteFallback: false, trims: true, map: CharacterMap("ｆ", "f")));

        var tokens = tokenizer.Encode(text).Select(tokenizer.IdToToken);
        Assert.Equal(expected.Replace("zzb", "<unk>", StringComparison.Ordinal), string.Join(' ', tokens));
    }

    [Fact]
    public void Encode_UserDefinedSymbols_AreNotCut()
    {
        var tokenizer =
            Load(Model([.. Llama, ("\u2581\u2581\u2581", 0, UserDefined), ("<tool>", 0, UserDefined)], kind: 2, byteFallback: true, trims: false));

        Assert.Contains(tokenizer.TokenToId("\u2581\u2581\u2581")!.Value, tokenizer.Encode("a   a"));
        Assert.Contains(tokenizer.TokenToId("<tool>")!.Value, tokenizer.Encode("a<tool>a"));
        Assert.DoesNotContain(tokenizer.TokenToId("<tool>")!.Value, tokenizer.Encode("a<tool>a", [Range.All]));
    }

    [Fact]
    public void FromFiles_ConfigBesideTheModel_AddsTokensAndTemplate()
    {
        const string Config = """
            {"add_bos_token":false,"add_eos_token":true,"eos_token":{"content":"</s>"},
             "added_tokens_decoder":{"600":{"content":"<|im_start|>","special":true}}}
            """;
        var tokenizer = VllmTokenizer.FromFiles(new Dictionary<string, ReadOnlyMemory<byte>>
        {
            ["tokenizer.model"] = Model(Llama, kind: 2, byteFallback: true, trims: false),
            ["tokenizer_config.json"] = Encoding.UTF8.GetBytes(Config),
        });

        Assert.Equal(600, tokenizer.Encode("<|im_start|>the")[0]);
        Assert.Equal(2, tokenizer.Encode("the", addSpecialTokens: true)[^1]);
    }

    [Fact]
    public void FromFiles_AnyCutOrChangedFile_IsDocumentedException()
    {
        var model = Model(Llama, kind: 2, byteFallback: true, trims: false, map: CharacterMap("ｆ", "f"));
        Prop.ForAll(Gen.Choose(0, model.Length - 1).ToArbitrary(), Gen.Choose(0, 255).ToArbitrary(), (at, value) =>
        {
            var changed = model.ToArray();
            changed[at] = (byte)value;
            foreach (var bytes in new[] { changed, model[..at] })
            {
                try
                {
                    Load(bytes).Encode("the aaaa ｆ 漢");
                }
                catch (TokenizerException)
                {
                    // Documented; anything else fails the test.
                }
            }
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void FromFiles_WordModel_SaysThatItIsNotSupported() =>
        Assert.Contains("neither BPE nor Unigram", Assert.Throws<TokenizerException>(
            () => Load(Model(Llama, kind: 3, byteFallback: false, trims: false))).Message, StringComparison.Ordinal);

    private static VllmTokenizer Load(byte[] model) =>
        VllmTokenizer.FromFiles(new Dictionary<string, ReadOnlyMemory<byte>> { ["tokenizer.model"] = model });

    private static byte[] Model((string Text, float Score, int Kind)[] pieces, int kind, bool byteFallback, bool trims, byte[]? map = null) =>
        new SentencePieceFile([.. pieces.Select(piece => new SentencePiece(piece.Text, piece.Score, (SentencePieceKind)piece.Kind))])
        {
            Algorithm = kind,
            ByteFallback = byteFallback,
            TrimsBlanks = trims,
            Map = map ?? [],
        }.ToBytes();

    /// <summary>A double-array trie with one key, and its replacement.</summary>
    private static byte[] CharacterMap(string from, string to)
    {
        var key = Encoding.UTF8.GetBytes(from);
        var units = new uint[1024];
        units[0] = Unit(256, isLeaf: false, 0);
        var node = 256u;
        for (var i = 0; i < key.Length; i++)
        {
            var offset = i % 2 == 0 ? 512u : 256u;
            node ^= key[i];
            units[node] = Unit(offset, isLeaf: i == key.Length - 1, key[i]);
            node ^= offset;
        }

        // Where the leaf's offset leads lies its value: the place of the replacement.
        units[node] = 0x80000000;
        return [.. BitConverter.GetBytes(units.Length * 4), .. units.SelectMany(BitConverter.GetBytes), .. Encoding.UTF8.GetBytes(to), 0];
    }

    private static uint Unit(uint offset, bool isLeaf, uint label) => offset << 10 | (isLeaf ? 0x100u : 0) | label;
}
