using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers;

/// <summary>Decoded text equal to the reference's, whole and streamed.</summary>
public sealed class DecodeOracleTests(TokenizerOracle oracle) : IClassFixture<TokenizerOracle>
{
    [Theory]
    [MemberData(nameof(TokenizerFixtures.All), MemberType = typeof(TokenizerFixtures))]
    public void Decode_RandomIds_EqualsReference(string fixture)
    {
        var (tokenizer, path) = TokenizerFixtures.Load(fixture);
        oracle.Load(path);
        var lists = RandomLists(tokenizer, HardStrings.Share(2)).ToList();
        AssertEqual(tokenizer, lists, skip: false);
        AssertEqual(tokenizer, lists, skip: true);
    }

    [Theory]
    [MemberData(nameof(TokenizerFixtures.All), MemberType = typeof(TokenizerFixtures))]
    public void Decode_SingleIds_EqualsReference(string fixture)
    {
        var (tokenizer, path) = TokenizerFixtures.Load(fixture);
        oracle.Load(path);
        var step = HardStrings.Count > 2000 ? 1 : 37;
        var lists = Enumerable.Range(0, tokenizer.VocabularySize + 10)
            .Where(id => id < 1000 || id % step == 0 || tokenizer.VocabularySize - id < 1000)
            .Select(id => new[] { id }).ToList();
        AssertEqual(tokenizer, lists, skip: false);
    }

    [Theory]
    [MemberData(nameof(TokenizerFixtures.All), MemberType = typeof(TokenizerFixtures))]
    public void StreamDecode_EncodedText_EqualsReferenceDecode(string fixture)
    {
        var (tokenizer, path) = TokenizerFixtures.Load(fixture);
        oracle.Load(path);
        var added = tokenizer.AddedTokens.Select(token => token.Content).ToList();
        var lists = new HardStrings(99, added).Take(HardStrings.Share(10)).Concat(NaturalText.All).Select(text => tokenizer.Encode(text)).ToList();
        foreach (var skip in new[] { false, true })
        {
            var expected = oracle.Decode(lists, skip);
            for (var i = 0; i < lists.Count; i++)
            {
                var stream = tokenizer.CreateStreamDecoder(skip);
                Assert.Equal(expected[i], string.Concat(lists[i].Select(stream.Push)) + stream.Flush());
            }
        }
    }

    /// <summary>
    /// Ids with many byte tokens and specials among them; unknown ids too. Few ids are shared between lists, so that every list says
    /// something new.
    /// </summary>
    private static IEnumerable<int[]> RandomLists(VllmTokenizer tokenizer, int count)
    {
        var random = new Random(4711);
        var specials = tokenizer.AddedTokens.Select(token => token.Id).ToArray();
        for (var i = 0; i < count; i++)
        {
            var list = new int[random.Next(1, 24)];
            for (var k = 0; k < list.Length; k++)
            {
                list[k] = random.Next(8) switch
                {
                    0 when specials.Length > 0 => specials[random.Next(specials.Length)],
                    1 or 2 or 3 => random.Next(0, 400),
                    4 when random.Next(10) == 0 => tokenizer.VocabularySize + random.Next(1000),
                    _ => random.Next(tokenizer.VocabularySize),
                };
            }

            yield return list;
        }
    }

    private void AssertEqual(VllmTokenizer tokenizer, List<int[]> lists, bool skip)
    {
        var expected = oracle.Decode(lists, skip);
        for (var i = 0; i < lists.Count; i++)
        {
            var actual = tokenizer.Decode(lists[i], skip);
            Assert.True(
                expected[i] == actual, $"ids {string.Join(',', lists[i])}, skip {skip}\nexpected {Escape(expected[i])}\nactual   {Escape(actual)}");
        }
    }

    private static string Escape(string text) => System.Text.Json.JsonSerializer.Serialize(text);
}
