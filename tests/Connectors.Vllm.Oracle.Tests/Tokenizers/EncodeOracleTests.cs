using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers;

/// <summary>Ids equal to the reference's, on natural text and on generated hard strings.</summary>
public sealed class EncodeOracleTests(TokenizerOracle oracle) : IClassFixture<TokenizerOracle>
{
    [Theory]
    [MemberData(nameof(TokenizerFixtures.All), MemberType = typeof(TokenizerFixtures))]
    public void Encode_HardStrings_EqualReference(string fixture)
    {
        var (tokenizer, path) = TokenizerFixtures.Load(fixture);
        oracle.Load(path);
        var added = tokenizer.AddedTokens.Select(token => token.Content).ToList();
        var texts = new HardStrings(20261, added).Take(HardStrings.Count).ToList();
        AssertEqual(tokenizer, texts, oracle.Encode(texts), special: false);
    }

    [Theory]
    [MemberData(nameof(TokenizerFixtures.All), MemberType = typeof(TokenizerFixtures))]
    public void Encode_NaturalText_EqualReference(string fixture)
    {
        var (tokenizer, path) = TokenizerFixtures.Load(fixture);
        oracle.Load(path);
        AssertEqual(tokenizer, NaturalText.All, oracle.Encode(NaturalText.All), special: false);
        AssertEqual(tokenizer, NaturalText.All, oracle.Encode(NaturalText.All, special: true), special: true);
    }

    private static void AssertEqual(VllmTokenizer tokenizer, IReadOnlyList<string> texts, int[][] expected, bool special)
    {
        for (var i = 0; i < texts.Count; i++)
        {
            var actual = tokenizer.Encode(texts[i], special);
            if (!actual.AsSpan().SequenceEqual(expected[i]))
            {
                Assert.Fail($"string {i}: {Escape(texts[i])}\nexpected {string.Join(',', expected[i])}\nactual   {string.Join(',', actual)}");
            }
        }
    }

    private static string Escape(string text) => System.Text.Json.JsonSerializer.Serialize(text);
}
