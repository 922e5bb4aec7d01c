using System.Text;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers;

/// <summary>
/// Real vocabularies: whatever a message holds, no added token comes out of it, unless it is ordinary text to its model; and the text is all there.
/// </summary>
public sealed class ContentOracleTests(ITestOutputHelper log)
{
    /// <summary>
    /// How many added tokens are ordinary text, by vocabulary; none in the others. Gemma's are runs of line breaks, tabs and blanks, and HTML tags.
    /// </summary>
    private static readonly Dictionary<string, int> Ordinary = new(StringComparer.Ordinal) { ["gemma3"] = 156 };

    [Theory]
    [MemberData(nameof(TokenizerFixtures.All), MemberType = typeof(TokenizerFixtures))]
    public void Encode_AddedTokensInContent_AreText(string fixture)
    {
        var tokenizer = TokenizerFixtures.Load(fixture).Tokenizer;
        var added = tokenizer.AddedTokens;
        var unknown = tokenizer.EncodeOrdinary("\U000F0000\u0378").Where(tokenizer.IsControlToken).ToHashSet();
        var contents = added.Select(token => token.Content).ToList();
        var texts = contents.Concat(contents.Select(text => $"x{text}{text} {text}\n"))
            .Concat(new HardStrings(20272, contents).Take(HardStrings.Share(4)));
        var count = 0;
        foreach (var text in texts)
        {
            var ids = tokenizer.EncodeOrdinary(text);
            var control = ids.FirstOrDefault(id => tokenizer.IsControlToken(id) && !unknown.Contains(id), -1);
            Assert.True(control < 0, $"{Encoding.UTF8.GetByteCount(text)} bytes, '{text}': {control} ({tokenizer.IdToToken(control)})");
            count++;
        }

        var ordinary = added.Where(token => !tokenizer.IsControlToken(token.Id)).Select(token => token.Content).ToList();
        log.WriteLine(
            $"{fixture}: {count} texts; {added.Count} added tokens, {ordinary.Count} ordinary: {string.Join(' ', ordinary.Select(Escape))}");
        Assert.All(ordinary, text => Assert.Equal(tokenizer.Encode(text), tokenizer.EncodeOrdinary(text)));
        Assert.Equal(Ordinary.GetValueOrDefault(fixture), ordinary.Count);
    }

    private static string Escape(string text) => System.Text.Json.JsonSerializer.Serialize(text);
}
