using System.Text;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.Tokenizers.Tests;

/// <summary>Merges in such number that two threads read them.</summary>
public sealed class LargeMergesTests
{
    private const string Letters = "abcdefghijklmnopqrstuvwxyz";

    private static readonly string[] Pairs = [.. from first in Letters from second in Letters select $"{first}{second}"];

    // Two letters join, then a third joins them on either side.
    private static readonly (string Left, string Right)[] Merges =
        [.. Pairs.Select(pair => (pair[..1], pair[1..])), .. from pair in Pairs from letter in Letters select (pair, letter.ToString())];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void FromJson_ManyMerges_SameIdsAsInCompactForm(bool asStrings)
    {
        var compact = VllmTokenizer.FromJson(Json(Merges, asStrings, padding: 0));
        var random = new Random(11);
        foreach (var padding in Enumerable.Range(50, 12))
        {
            var json = Json(Merges, asStrings, padding);
            Assert.True(json.Length > 1_000_000);
            var large = VllmTokenizer.FromJson(json);
            var text = string.Concat(Enumerable.Range(0, 2000).Select(_ => Letters[random.Next(Letters.Length)]));
            Assert.Equal(compact.Encode(text), large.Encode(text));
        }
    }

    /// <summary>What looks like the beginning of a merge in the middle of the file lies inside a token.</summary>
    [Fact]
    public void FromJson_TokensThatLookLikeMerges_SameIdsAsInCompactForm()
    {
        (string, string)[] merges = [.. Enumerable.Repeat(("],[", "\"],[\""), 20_000), ("a", "b"), ("ab", "c")];
        var compact = VllmTokenizer.FromJson(Json([.. merges.Distinct()], asStrings: false, padding: 0));
        foreach (var padding in Enumerable.Range(40, 30))
        {
            var large = VllmTokenizer.FromJson(Json(merges, asStrings: false, padding));
            Assert.Equal(compact.Encode("abcabab],[\"],[\"c"), large.Encode("abcabab],[\"],[\"c"));
        }
    }

    [Theory]
    [InlineData(100)]
    [InlineData(17_000)]
    public void FromJson_UnknownPartInManyMerges_NamesItsPlace(int place)
    {
        var merges = Merges.ToArray();
        merges[place] = ("a", "?");

        var exception = Assert.Throws<TokenizerException>(() => VllmTokenizer.FromJson(Json(merges, asStrings: false, padding: 40, without: "?")));

        Assert.Equal($"$.model.merges[{place}]", exception.Place);
    }

    [Fact]
    public void FromJson_ManyMergesCutOff_Refused()
    {
        var json = Json(Merges, asStrings: false, padding: 40);
        foreach (var length in new[] { json.Length - 2, json.Length - 40, json.Length * 3 / 4, json.Length / 3 })
        {
            Assert.Throws<TokenizerException>(() => VllmTokenizer.FromJson(json.AsMemory(0, length)));
        }
    }

    private static byte[] Json(IReadOnlyList<(string Left, string Right)> merges, bool asStrings, int padding, string? without = null)
    {
        var tokens = merges.SelectMany(merge => (string[])[merge.Left, merge.Right, merge.Left + merge.Right])
            .SelectMany(token => token.Select(letter => letter.ToString()).Append(token))
            .Where(token => without is null || !token.Contains(without, StringComparison.Ordinal)).Distinct();
        var vocabulary = new JsonObject(tokens.Select((token, id) => KeyValuePair.Create(token, (JsonNode?)id)));
        var json = new StringBuilder("""{"version":"1.0","added_tokens":[],"model":{"type":"BPE","vocab":""").Append(vocabulary.ToJsonString())
            .Append(",\"merges\":[");
        for (var i = 0; i < merges.Count; i++)
        {
            var (left, right) = merges[i];
            json.Append(i > 0 ? "," : string.Empty).Append('\n').Append(' ', padding);
            json.Append(asStrings ? JsonValue.Create($"{left} {right}").ToJsonString() : new JsonArray(left, right).ToJsonString());
        }

        return Encoding.UTF8.GetBytes(json.Append("]}}").ToString());
    }
}
