using System.Text.Json;

namespace Connectors.Vllm.Tokenizers.Tests;

/// <summary>Ids that a live server sent decode to the text its own tokenizer gave, whole and id by id.</summary>
public sealed class RecordingTests
{
    [Fact]
    public void Decode_RecordedIds_GivesRecordedText()
    {
        var recordings = TestPaths.RequireCorpus("recordings/exchanges.jsonl");
        var tokenizer = VllmTokenizer.FromDirectory(TestPaths.RequireCorpus("tokenizers/smollm2-135m-instruct"));
        var compared = 0;
        foreach (var line in File.ReadLines(recordings))
        {
            using var document = JsonDocument.Parse(line);
            foreach (var (ids, text) in Expected(document.RootElement.GetProperty("expected")))
            {
                Assert.Equal(text, tokenizer.Decode(ids, skipSpecialTokens: true));
                var stream = tokenizer.CreateStreamDecoder(skipSpecialTokens: true);
                Assert.Equal(text, string.Concat(ids.Select(stream.Push)) + stream.Flush());
                compared++;
            }
        }

        Assert.True(compared > 50, $"only {compared} lists of ids were found");
    }

    /// <summary>Every object in the expectations that has both ids and text.</summary>
    private static IEnumerable<(int[] Ids, string Text)> Expected(JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (var found in element.EnumerateArray().SelectMany(Expected))
            {
                yield return found;
            }
        }
        else if (element.ValueKind == JsonValueKind.Object)
        {
            if (element.TryGetProperty("ids", out var ids) && element.TryGetProperty("text_skip_special", out var text))
            {
                yield return (ids.Deserialize<int[]>()!, text.GetString()!);
            }

            foreach (var found in element.EnumerateObject().SelectMany(property => Expected(property.Value)))
            {
                yield return found;
            }
        }
    }
}
