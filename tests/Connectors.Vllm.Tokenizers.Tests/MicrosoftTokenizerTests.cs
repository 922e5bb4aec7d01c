using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.ML.Tokenizers;

namespace Connectors.Vllm.Tokenizers.Tests;

/// <summary>Our tokenizer as a Microsoft.ML.Tokenizers.Tokenizer, compared with their own on the same vocabulary.</summary>
public sealed class MicrosoftTokenizerTests
{
    private static readonly (string, string)[] Merges =
        [("t", "h"), ("th", "e"), (" ", "the"), ("a", "a"), ("i", "n"), ("in", "g"), (" ", "a"), ("1", "2"), ("\r", "\n")];

    private static readonly VllmTokenizer Ours = TinyTokenizer.Load(TinyTokenizer.ByteLevel(Merges));

    private static readonly Tokenizer Theirs = TiktokenTokenizer.Create(
        Ranks(),
        new RegexPreTokenizer(
            new(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", default, TimeSpan.FromSeconds(10)), null),
        null,
        new Dictionary<string, int>());

    private static readonly Gen<string> Texts = Gen.Elements("the", " the", "thing", " a", "aaa", "12", "é", "漢字", "🫨", "\r\n", "  ", "!", "x")
        .ListOf().Select(string.Concat);

    public static TheoryData<string> Kinds => ["bytes", "marker", "bert", "nfc", "metaspace", "removed"];

    [Fact]
    public void Encode_SameVocabulary_EqualsTheirs() => Prop.ForAll(Texts.ToArbitrary(), text =>
    {
        Tokenizer ours = Ours;
        Assert.Equal(Theirs.EncodeToIds(text), ours.EncodeToIds(text));
        Assert.Equal(Theirs.EncodeToIds(text.AsSpan()), ours.EncodeToIds(text.AsSpan()));
        Assert.Equal(Theirs.CountTokens(text), ours.CountTokens(text));
        var tokens = ours.EncodeToTokens(text, out var normalized);
        Assert.Null(normalized);
        var theirs = Theirs.EncodeToTokens(text, out _);
        Assert.Equal(theirs.Select(token => (token.Id, token.Offset)), tokens.Select(token => (token.Id, token.Offset)));
        Assert.All(tokens, token => Assert.Equal(Ours.IdToToken(token.Id), token.Value));
        Assert.Equal(text, ours.Decode(ours.EncodeToIds(text)));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void EncodeToIds_AtMost_AreTheFirstWholeOnes() => Prop.ForAll(Texts.ToArbitrary(), Gen.Choose(1, 12).ToArbitrary(), (text, most) =>
    {
        Tokenizer ours = Ours;
        var all = ours.EncodeToIds(text);
        var some = ours.EncodeToIds(text, most, out var normalized, out var consumed);
        Assert.Null(normalized);
        Assert.Equal(all.Take(some.Count), some);
        Assert.InRange(some.Count, 0, most);
        Assert.Equal(text[..consumed], ours.Decode(some));
        Assert.Equal(consumed, ours.GetIndexByTokenCount(text, most, out _, out var count));
        Assert.Equal(some.Count, count);

        // Only a character of several tokens can leave a place of the number empty, at most three.
        Assert.True(some.Count > most - 4 || some.Count == all.Count);
        var from = ours.GetIndexByTokenCountFromEnd(text, most, out _, out var last);
        Assert.Equal(text[from..], ours.Decode(all.Skip(all.Count - last)));
        Assert.InRange(last, 0, most);
    }).QuickCheckThrowOnFailure();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EncodeToTokens_AnyKind_OffsetsRiseInsideTheText(string kind)
    {
        Tokenizer tokenizer = Load(kind);
        Prop.ForAll(Texts.ToArbitrary(), text =>
        {
            var tokens = tokenizer.EncodeToTokens(text, out _);
            Assert.Equal(tokenizer.EncodeToIds(text), tokens.Select(token => token.Id));
            var before = 0..0;
            foreach (var token in tokens)
            {
                Assert.InRange(token.Offset.Start.Value, before.Start.Value, text.Length);
                Assert.InRange(token.Offset.End.Value, Math.Max(before.End.Value, token.Offset.Start.Value), text.Length);
                Assert.False(IsInsidePair(text, token.Offset.Start.Value) || IsInsidePair(text, token.Offset.End.Value));
                before = token.Offset;
            }
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("marker", "Hi the", "0..1 0..1 1..2 2..3 3..5 5..6")]
    [InlineData("bert", "  Thé, x", "2..5 5..6 7..8")]
    [InlineData("nfc", "e\u0301x", "0..2 0..2 2..3")]
    [InlineData("metaspace", "a  b", "0..1 1..2 2..4")]
    [InlineData("removed", "a  b", "0..1 3..4")]
    public void EncodeToTokens_RewrittenText_OffsetsCountTheGivenOne(string kind, string text, string expected)
    {
        var tokens = Load(kind).EncodeToTokens(text, out _);

        Assert.Equal(expected, string.Join(' ', tokens.Select(token => token.Offset)));
    }

    [Fact]
    public void EncodeToTokens_AddedTokenThatTakesBlanks_OffsetsCoverThem()
    {
        Tokenizer tokenizer = TinyTokenizer.Load(TinyTokenizer.ByteLevel(Merges, TinyTokenizer.Added(300, "<x>", lstrip: true, rstrip: true)));

        var offsets = tokenizer.EncodeToTokens("é <x>  a", out _).Where(token => token.Id != 0xA9).Select(token => token.Offset.ToString());

        Assert.Equal(["0..1", "1..7", "7..8"], offsets);
    }

    [Fact]
    public void EncodeToIds_WithoutNormalization_TakesTheTextAsItIs()
    {
        Tokenizer tokenizer = Load("nfc");

        Assert.Equal(["Ã", "©"], tokenizer.EncodeToTokens("e\u0301", out _).Select(token => token.Value));
        Assert.Equal(["e", "Ì", "ģ"], tokenizer.EncodeToTokens("e\u0301", out _, considerNormalization: false).Select(token => token.Value));
        Assert.Equal(2, ((Tokenizer)Ours).CountTokens("a a"));
        Assert.Equal(3, ((Tokenizer)Ours).CountTokens("a!b", considerPreTokenization: false));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void EncodeToIds_MaximumThatIsNone_IsRefused(int most) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Ours.EncodeToIds("a", most, out _, out _));

    [Fact]
    public void Decode_IntoSpan_SaysHowFarItCame()
    {
        var ids = Ours.EncodeToIds("the 🫨!");
        Span<char> room = stackalloc char[16];

        Assert.Equal(OperationStatus.Done, Ours.Decode(ids, room, out var used, out var written));
        Assert.Equal((ids.Count, "the 🫨!"), (used, new string(room[..written])));
        Assert.Equal(OperationStatus.DestinationTooSmall, Ours.Decode(ids, room[..5], out used, out written));
        Assert.Equal("the ", new string(room[..written]));
        Assert.Equal(2, used);
        Assert.Equal(OperationStatus.NeedMoreData, Ours.Decode(ids.Take(4), room, out used, out written));
        Assert.Equal((2, "the "), (used, new string(room[..written])));
    }

    [Fact]
    public void Decode_IntoSmallSpansOneAfterTheOther_GivesTheWholeText() => Prop.ForAll(Texts.ToArbitrary(), text =>
    {
        var ids = Ours.EncodeToIds(text).ToArray();
        var result = new StringBuilder();
        Span<char> room = stackalloc char[5];
        for (var at = 0; at < ids.Length;)
        {
            Ours.Decode(ids[at..], room, out var used, out var written);
            Assert.NotEqual(0, used);
            result.Append(room[..written]);
            at += used;
        }

        Assert.Equal(text, result.ToString());
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void GetIndexByTokenCount_LongText_CostsWhatIsWanted()
    {
        var text = string.Concat(Enumerable.Repeat("the thing ", 100_000));
        var pieces = 0;
        for (var at = 0; at < 20_000; pieces++)
        {
            at += Ours.GetIndexByTokenCount(text.AsSpan(at), 100, out _, out _);
        }

        Assert.InRange(pieces, 20, 200);
    }

    [Fact]
    public void From_TheirTokenizer_GivesItsIdsAndText() => Prop.ForAll(Texts.ToArbitrary(), text =>
    {
        var tokenizer = VllmTokenizer.From(Theirs);
        Assert.Equal(Theirs.EncodeToIds(text), tokenizer.Encode(text));
        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
        var stream = tokenizer.CreateStreamDecoder();
        Assert.Equal(text, string.Concat(tokenizer.Encode(text).Select(stream.Push)) + stream.Flush());
        Assert.Equal(
            Theirs.EncodeToTokens(text, out _).Select(token => token.Offset),
            ((Tokenizer)tokenizer).EncodeToTokens(text, out _).Select(token => token.Offset));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void From_TheirTokenizerWithControlTokens_ContentHasNone()
    {
        // Theirs finds the tokens itself; ours must find them in the prompt and keep them out of content all the same.
        var special = new Dictionary<string, int> { ["<|end|>"] = 400, ["<|x|>"] = 401 };
        var pieces = new RegexPreTokenizer(new(@"\S+|\s+", default, TimeSpan.FromSeconds(10)), special);
        var theirs = TiktokenTokenizer.Create(Ranks(), pieces, null, special);
        var tokenizer = VllmTokenizer.From(theirs, [new AddedToken(402, "<think>")]);
        const string Text = "<|end|>hi <|end|><|x|> <think>";

        Assert.Equal([400, 400, 401, 402], tokenizer.Encode(Text).Where(id => id >= 400));
        var ids = tokenizer.Encode(Text, [7..Text.Length]);
        Assert.Equal(400, ids[0]);
        Assert.DoesNotContain(ids[1..], id => id >= 400);
        Assert.Equal(Text, tokenizer.Decode(ids));
        Assert.Equal("hi  <think>", tokenizer.Decode(tokenizer.Encode(Text), skipSpecialTokens: true));
        Assert.Equal(402, tokenizer.TokenToId("<think>"));
    }

    [Fact]
    public void From_OurTokenizer_IsThatTokenizer() => Assert.Same(Ours, VllmTokenizer.From(Ours));

    private static VllmTokenizer Load(string kind)
    {
        var json = TinyTokenizer.ByteLevel(kind is "bytes" ? Merges : null);
        switch (kind)
        {
            case "marker":
                return TinyTokenizer.Load(TinyTokenizer.ByteFallback("Hithexa漢", [("t", "h")]));
            case "nfc":
                json["normalizer"] = new JsonObject { ["type"] = "NFC" };
                break;
            case "bert":
                return Parse("""
                    {"version":"1.0","normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"lowercase":true},
                     "pre_tokenizer":{"type":"BertPreTokenizer"},
                     "model":{"type":"WordPiece","unk_token":"[U]","vocab":{"[U]":0,"the":1,"##ing":2,"th":3,"x":4,",":5,"漢":6,"12":7,"a":8,"##a":9,"!":10}}}
                    """);
            case "metaspace":
                return Parse("""
                    {"version":"1.0","pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true},
                     "model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["▁a",-1],["▁",-2],["▁b",-1],["the",-2],["x",-3],["i",-3],["n",-3]]}}
                    """);
            case "removed":
                json["pre_tokenizer"] = JsonNode.Parse(
                    """
                    {"type":"Sequence","pretokenizers":
                      [{"type":"WhitespaceSplit"},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}
                    """);
                break;
            default:
                break;
        }

        return TinyTokenizer.Load(json);
    }

    private static VllmTokenizer Parse(string json) => VllmTokenizer.FromJson(Encoding.UTF8.GetBytes(json));

    private static MemoryStream Ranks()
    {
        var lines = new StringBuilder();
        for (var id = 0; id < Ours.VocabularySize; id++)
        {
            var utf8 = Encoding.UTF8.GetBytes(Ours.IdToToken(id)!);
            var bytes = new byte[utf8.Length];
            Assert.True(ByteAlphabet.TryToBytes(utf8, bytes, out var length));
            lines.Append(System.Globalization.CultureInfo.InvariantCulture, $"{Convert.ToBase64String(bytes, 0, length)} {id}\n");
        }

        return new MemoryStream(Encoding.ASCII.GetBytes(lines.ToString()));
    }

    private static bool IsInsidePair(string text, int at) =>
        at > 0 && at < text.Length && char.IsHighSurrogate(text[at - 1]) && char.IsLowSurrogate(text[at]);
}
