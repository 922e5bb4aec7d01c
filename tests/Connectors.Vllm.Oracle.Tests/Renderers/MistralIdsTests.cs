using System.Text.Json;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Oracle.Tests.Renderers;

/// <summary>Mistral prompts, encoded as the client does with the real vocabularies, are the ids that mistral-common makes of the request.</summary>
public class MistralIdsTests
{
    [Theory]
    [InlineData("v3-tekken", 60)]
    [InlineData("v3-spm", 40)]
    [InlineData("v7-spm", 43)]
    public void Encode_CorpusRequests_ReferenceIds(string name, int cases)
    {
        var tokenizer = VllmTokenizer.FromDirectory(MistralTokenizers.Folder(name));
        var options = MistralPromptOptions.FromFileName("tokenizer.model." + name[..name.IndexOf('-', StringComparison.Ordinal)])! with
        {
            Images = name.EndsWith("-tekken", StringComparison.Ordinal) ? new MistralImageOptions() : null,
        };
        var renderer = ChatPromptRenderer.Create("mistral", new ChatPromptRendererOptions { Mistral = options })!;
        var different = new List<string>();
        var equal = 0;
        foreach (var line in File.ReadAllText(TestPaths.RequireCorpus("renderers/mistral.jsonl")).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            using var document = JsonDocument.Parse(line);
            var item = document.RootElement;
            if (item.GetProperty("tokenizer").GetString() != name || !item.TryGetProperty("ids", out var ids))
            {
                continue;
            }

            var prompt = renderer.Render(Input(item));
            var actual = BoundaryEncoder.Encode(tokenizer, prompt.Text, prompt.Content, prompt.Boundaries, []);
            if (actual.SequenceEqual(ids.EnumerateArray().Select(id => id.GetInt32())))
            {
                equal++;
            }
            else
            {
                different.Add(item.GetProperty("case").GetString()!);
            }
        }

        Assert.Empty(different);
        Assert.Equal(cases, equal);
    }

    private static ChatTemplateInput Input(JsonElement item)
    {
        JsonElement? Request(string name) => item.TryGetProperty("kwargs", out var all) && all.TryGetProperty(name, out var value) ? value : null;
        return new ChatTemplateInput
        {
            Messages = item.GetProperty("messages"),
            Tools = item.TryGetProperty("tools", out var tools) ? tools : null,
            AddGenerationPrompt = Request("add_generation_prompt") is not { ValueKind: JsonValueKind.False },
            ContinueFinalMessage = Request("continue_final_message"),
        };
    }
}
