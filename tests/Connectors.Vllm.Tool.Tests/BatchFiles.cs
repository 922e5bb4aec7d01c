using System.Text.Json;

namespace Connectors.Vllm.Tool.Tests;

/// <summary>Inputs and outputs of batches in a test's folder.</summary>
internal static class BatchFiles
{
    public static string WritePrompts(this TemporaryFolder folder, int count) =>
        folder.Write("in.jsonl", string.Concat(Enumerable.Range(0, count).Select(static index => $$"""{"prompt":"prompt {{index}}"}""" + "\n")));

    public static List<JsonElement> Rows(this TemporaryFolder folder, string name) =>
        [.. File.ReadLines(folder[name]).Select(static line => JsonElement.Parse(line))];

    public static string AnswerOf(JsonElement row) =>
        row.GetProperty("response").GetProperty("body").GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;

    /// <summary>Every request is answered once, in the order of the input, and none is missing.</summary>
    public static void AssertComplete(this TemporaryFolder folder, string name, int count)
    {
        Assert.Equal(Enumerable.Range(0, count).Select(static index => $"echo: prompt {index}"), folder.Rows(name).Select(AnswerOf));
        Assert.False(File.Exists(folder[Path.ChangeExtension(name, ".errors.jsonl")]));
    }
}
