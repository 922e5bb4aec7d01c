using System.Text.Json;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers.Components;

/// <summary>Rank files (Kimi K2, and a tekken file made of its ranks) against npm tiktoken.</summary>
public sealed class RankFileOracleTests(TokenizerOracle oracle) : IClassFixture<TokenizerOracle>
{
    private const string KimiPattern =
        @"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'"
            + @"d)?"
        + @"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        + @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private const string TekkenPattern =
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{L"
            + @"l}\p{Lm}\p{Lo}\p{M}]*"
        + @"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    [Fact]
    public void EncodeAndDecode_KimiRankFile_EqualTiktoken()
    {
        var folder = TestPaths.RequireCorpus("tokenizers/kimi-k2");
        var tokenizer = VllmTokenizer.FromDirectory(folder);
        oracle.LoadTiktoken(
            Path.Combine(folder, "tiktoken.model"), KimiPattern, tokenizer.AddedTokens.ToDictionary(token => token.Content, token => token.Id));
        var texts = new HardStrings(415, [.. tokenizer.AddedTokens.Take(20).Select(token => token.Content)]).Take(HardStrings.Count)
            .Concat(NaturalText.All).ToList();
        Differences.AssertNone(texts, oracle.EncodeTiktoken(texts), text => tokenizer.Encode(text), ids => string.Join(',', ids));

        var lists = texts.Take(500).Select(text => tokenizer.Encode(text)).ToList();
        var keys = Enumerable.Range(0, lists.Count).Select(i => i.ToString(System.Globalization.CultureInfo.InvariantCulture)).ToList();
        Differences.AssertNone(keys, oracle.DecodeTiktoken(lists), key => tokenizer.Decode(lists[Index(key)]), text => text);

        Assert.Equal([33845, 23617, 220, 6694, 12972, 4643, 39793, 1166], tokenizer.Encode("你好world 123456 it's ABCdef"));
        Assert.Equal([163587, 2482, 163601, 9663, 163586], tokenizer.Encode("<|im_user|>user<|im_middle|>hi<|im_end|>"));
        Assert.Equal("<|reserved_token_163600|>", tokenizer.IdToToken(163600));
        Assert.True(tokenizer.IsSpecialToken(163600));
    }

    /// <summary>A tekken file made of Kimi's ranks: same merging, tekken's pattern and ids shifted behind the control tokens.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Encode_TekkenFile_EqualsTiktokenWithShiftedIds(bool knownPattern)
    {
        const int Controls = 30;
        const int Used = 20_000;
        var pattern = knownPattern ? TekkenPattern : "(?:" + TekkenPattern + ")";
        var ranks = File.ReadLines(Path.Combine(TestPaths.RequireCorpus("tokenizers/kimi-k2"), "tiktoken.model")).Take(Used + 5_000)
            .Select(line => line.Split(' ')).ToList();
        var json = JsonSerializer.SerializeToUtf8Bytes(new
        {
            config = new
            {
                pattern,
                num_vocab_tokens = ranks.Count,
                default_vocab_size = Used + Controls,
                default_num_special_tokens = Controls,
                version = "v3"
            },
            vocab = ranks.Select(
                rank => new
                {
                    rank = int.Parse(rank[1], System.Globalization.CultureInfo.InvariantCulture),
                    token_bytes = rank[0],
                    token_str = (string?)null
                }),
        });
        var tokenizer = VllmTokenizer.FromFiles(new Dictionary<string, ReadOnlyMemory<byte>> { ["tekken.json"] = json });

        var used = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(used, ranks.Take(Used).Select(rank => string.Join(' ', rank)));
            oracle.LoadTiktoken(used, TekkenPattern, new Dictionary<string, int>());
        }
        finally
        {
            File.Delete(used);
        }

        var texts = new HardStrings(416).Take(HardStrings.Share(4))
            .Concat(NaturalText.All.Where(
                text => !text.Contains("[INST]", StringComparison.Ordinal) && !text.Contains("<s>", StringComparison.Ordinal))).ToList();
        var expected = oracle.EncodeTiktoken(texts).Select(ids => ids.Select(id => id + Controls).ToArray()).ToList();
        Differences.AssertNone(texts, expected, text => tokenizer.Encode(text), ids => string.Join(',', ids));
        Assert.Equal([1, 3], tokenizer.Encode("[INST]", addSpecialTokens: true));
        Assert.Equal("<SPECIAL_25>", tokenizer.IdToToken(25));
    }

    private static int Index(string key) => int.Parse(key, System.Globalization.CultureInfo.InvariantCulture);
}
