using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Connectors.Vllm.Tokenizers.Tests;

public sealed class EncodeTests
{
    private static readonly (string, string)[] Merges =
    [
        ("t", "h"), ("th", "e"), (" ", "the"), ("a", "a"), ("aa", "aa"), ("i", "n"), ("in", "g"), ("o", "n"), (" ", "a"), ("1", "2"),
    ];

    private static readonly VllmTokenizer English = TinyTokenizer.Load(TinyTokenizer.ByteLevel(Merges));

    [Fact]
    public void Encode_Empty_GivesNothing() => Assert.Empty(English.Encode(string.Empty));

    [Fact]
    public void Encode_AnyText_DecodesToItself() =>
        Prop.ForAll<NonNull<string>>(text =>
        {
            var wellFormed = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text.Get));
            Assert.Equal(wellFormed, English.Decode(English.Encode(text.Get)));
            Assert.Equal(English.Encode(text.Get), English.Encode(Encoding.UTF8.GetBytes(text.Get)));
            Assert.Equal(English.Encode(text.Get).Length, English.CountTokens(text.Get));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Encode_MergesOfAnyLength_EqualNaiveMerging()
    {
        // One pool of letters that merge much, so that scan, heap, cuts and caches all see the same strings.
        var letters = Gen.Elements('t', 'h', 'e', 'a', 'i', 'n', 'g', 'o', 'b', 'x');
        var texts = Gen.ListOf(letters).SelectMany(list =>
            Gen.Choose(1, 12).Select(times => string.Concat(Enumerable.Repeat(string.Concat(list), times))));
        Prop.ForAll(texts.ToArbitrary(), text =>
        {
            Assert.Equal(Naive(text), English.Encode(text).Select(id => English.IdToToken(id)));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Encode_LoneSurrogate_IsReplacementCharacter() => Assert.Equal(English.Encode("\uFFFDx"), English.Encode("\uD800x"));

    [Fact]
    public void Encode_InvalidUtf8_IsReplacementCharacter() =>
        Assert.Equal(English.Encode("a\uFFFDb"), English.Encode((ReadOnlySpan<byte>)[(byte)'a', 0xE4, 0xBD, (byte)'b']));

    [Theory]
    [InlineData("a")]
    [InlineData("the")]
    [InlineData("漢字")]
    [InlineData(" ")]
    public void Encode_MegabyteWithoutBorder_CostIsLinear(string unit)
    {
        var text = string.Concat(Enumerable.Repeat(unit, 1_000_000 / unit.Length));

        Assert.Equal(text, English.Decode(English.Encode(text)));
        AssertLinear(TinyTokenizer.ByteLevel(Merges), text);
    }

    [Fact]
    public void Encode_ByteFallbackMegabyte_CostIsLinear()
    {
        var json = TinyTokenizer.ByteFallback("abx漢", [("a", "b"), ("ab", "ab"), ("漢", "漢")]);
        var tokenizer = TinyTokenizer.Load(json);
        foreach (var unit in new[] { "ab", "漢", "字", "x a" })
        {
            var text = string.Concat(Enumerable.Repeat(unit, 1_000_000 / unit.Length));
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
            AssertLinear(json, text);
        }
    }

    [Fact]
    public void Encode_ManyThreads_SameIds()
    {
        var texts = Enumerable.Range(0, 64).Select(i => string.Concat(Enumerable.Repeat($"the thing {i} is on, ", 3 + i))).ToArray();
        var expected = texts.Select(text => English.Encode(text)).ToArray();
        Parallel.For(0, 2000, i => Assert.Equal(expected[i % texts.Length], English.Encode(texts[i % texts.Length])));
    }

    [Fact]
    public void CacheStatistics_SameSegmentTwice_CountsHit()
    {
        var tokenizer = TinyTokenizer.Load(TinyTokenizer.ByteLevel(Merges, TinyTokenizer.Added(900, "<|end|>")));
        var message = string.Concat(Enumerable.Repeat("the thing ", 20));
        var first = tokenizer.Encode($"{message}<|end|>");
        var second = tokenizer.Encode($"{message}<|end|>short<|end|>{message}on");

        Assert.Equal(first, second[..first.Length]);
        var statistics = tokenizer.CacheStatistics;
        Assert.Equal((1, 2, 2), (statistics.Hits, statistics.Misses, statistics.Entries));
        Assert.True(statistics.Bytes > message.Length);
    }

    [Fact]
    public void CacheStatistics_CapacityReached_StaysBounded()
    {
        var tokenizer = TinyTokenizer.Load(TinyTokenizer.ByteLevel(Merges), new TokenizerOptions { SegmentCacheCapacity = 20_000 });
        for (var i = 0; i < 500; i++)
        {
            tokenizer.Encode($"{i} {new string('x', 200)}");
        }

        Assert.InRange(tokenizer.CacheStatistics.Bytes, 1, 20_000);
    }

    [Fact]
    public void CacheStatistics_CapacityZero_NothingIsKept()
    {
        var tokenizer = TinyTokenizer.Load(TinyTokenizer.ByteLevel(Merges), new TokenizerOptions { SegmentCacheCapacity = 0 });
        tokenizer.Encode(new string('x', 500));

        Assert.Equal(default, tokenizer.CacheStatistics);
    }

    /// <summary>The whole text as one piece: every symbol is taken from the heap a bounded number of times.</summary>
    private static void AssertLinear(System.Text.Json.Nodes.JsonObject json, string text)
    {
        var model = TokenizerJsonLoader.Load(TinyTokenizer.Bytes(json), "tokenizer.json", default).Model;
        var state = (BpeState)model.CreateState();
        var bytes = Encoding.UTF8.GetBytes(text);
        model.Encode(bytes, state, new IdList());
        Assert.InRange(state.HeapSteps, 0, 4L * bytes.Length);
    }

    /// <summary>The definition of BPE: join the pair that comes first in the list of merges, the leftmost of equals, until none is left.</summary>
    private static List<string> Naive(string text)
    {
        var symbols = text.Select(letter => letter.ToString()).ToList();
        while (true)
        {
            var best = (Rank: int.MaxValue, At: -1);
            for (var i = 0; i + 1 < symbols.Count; i++)
            {
                var rank = Array.IndexOf(Merges, (symbols[i], symbols[i + 1]));
                if (rank >= 0 && rank < best.Rank)
                {
                    best = (rank, i);
                }
            }

            if (best.At < 0)
            {
                return symbols;
            }

            symbols[best.At] += symbols[best.At + 1];
            symbols.RemoveAt(best.At + 1);
        }
    }
}
