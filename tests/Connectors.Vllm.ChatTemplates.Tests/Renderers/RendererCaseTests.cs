using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Connectors.Vllm.ChatTemplates.Tests.Renderers;

/// <summary>
/// The conversations in Cases/*.jsonl and their prompts, with ⟦ and ⟧ around every content range and ‖ at every boundary. After an intended change run
/// the tests with UPDATE_RENDERER_CASES=1 and read the difference.
/// </summary>
public class RendererCaseTests
{
    private const string UpdateVariable = "UPDATE_RENDERER_CASES";

    private static readonly JsonWriterOptions Written = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Theory]
    [InlineData("harmony")]
    [InlineData("deepseek_v32")]
    [InlineData("deepseek_v4")]
    [InlineData("deepseek_v41")]
    [InlineData("kimi_k3")]
    [InlineData("inkling")]
    [InlineData("mistral")]
    public void Render_OwnConversation_PromptAndContentRanges(string mode)
    {
        var path = Path.Combine(TestPaths.RepositoryRoot, "tests", "Connectors.Vllm.ChatTemplates.Tests", "Renderers", "Cases", mode + ".jsonl");
        var lines = File.ReadAllText(path).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(lines.Length >= 15);
        var actual = lines.Select(line => Run(mode, line)).ToList();
        if (Environment.GetEnvironmentVariable(UpdateVariable) == "1")
        {
            File.WriteAllText(path, string.Join('\n', actual) + "\n");
        }

        var differences = lines.Zip(actual).Where(pair => pair.First != pair.Second)
            .Select(pair => $"expected {pair.First}\nactual   {pair.Second}").ToList();
        Assert.True(differences.Count == 0, $"{differences.Count} cases of {path} differ\n{string.Join('\n', differences)}");
    }

    /// <summary>The case's line with what the renderer makes of it.</summary>
    private static string Run(string mode, string line)
    {
        using var document = JsonDocument.Parse(line);
        var item = new RendererCase(document.RootElement);
        var (name, value) = Outcome(TestRenderers.Create(mode, item["version"]?.GetString()), item);
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, Written))
        {
            writer.WriteStartObject();
            foreach (var member in document.RootElement.EnumerateObject().Where(member => member.Name is not ("prompt" or "refused")))
            {
                writer.WritePropertyName(member.Name);
                writer.WriteRawValue(member.Value.GetRawText());
            }

            writer.WriteString(name, value);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static (string Name, string Value) Outcome(ChatPromptRenderer renderer, RendererCase item)
    {
        try
        {
            return ("prompt", Mark(renderer.Render(item.ToInput(item["kwargs"] ?? default(JsonElement)))));
        }
        catch (ChatTemplateException exception)
        {
            return ("refused", exception.Message);
        }
    }

    private static string Mark(RenderedPrompt prompt)
    {
        var marks = new List<(int At, char Mark)>();
        var end = 0;
        foreach (var range in prompt.Content)
        {
            Assert.True((range.Start.Value > end || (range.Start.Value == 0 && end == 0)) && range.End.Value > range.Start.Value,
                "ranges are sorted, not empty and do not touch");
            marks.Add((range.Start.Value, '⟦'));
            marks.Add((end = range.End.Value, '⟧'));
        }

        marks.AddRange(prompt.Boundaries.Select(boundary => (boundary, '‖')));
        var text = new StringBuilder(prompt.Text);
        foreach (var (at, mark) in marks.OrderByDescending(mark => mark.At))
        {
            text.Insert(at, mark);
        }

        return text.ToString();
    }
}
