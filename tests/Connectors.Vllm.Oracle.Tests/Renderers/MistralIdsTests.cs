using System.Text.Json;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Oracle.Tests.Renderers;

/// <summary>Mistral prompts, encoded segment by segment with the real vocabularies, are the ids that mistral-common makes of the request.</summary>
public class MistralIdsTests
{
    private static readonly string[] ControlTokens =
    [
        "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "[IMG_BREAK]", "[IMG_END]",
        "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
    ];

    [Theory]
    [InlineData("v3-tekken", 60)]
    [InlineData("v3-spm", 40)]
    [InlineData("v7-spm", 43)]
    public void Encode_CorpusRequests_ReferenceIds(string name, int cases)
    {
        var tokenizer = Tokenizer.FromDirectory(MistralTokenizers.Folder(name));
        var options = MistralPromptOptions.FromFileName("tokenizer.model." + name[..name.IndexOf('-', StringComparison.Ordinal)])! with
        {
            Images = name.EndsWith("-tekken", StringComparison.Ordinal) ? new MistralImageOptions() : null,
        };
        var renderer = ChatPromptRenderers.Create("mistral", new ChatPromptRendererOptions { Mistral = options })!;
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

            var actual = Encode(tokenizer, renderer.Render(Input(item)));
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

    /// <summary>Control tokens outside of content by id; every text between them on its own, as ordinary text.</summary>
    private static List<int> Encode(Tokenizer tokenizer, RenderedPrompt prompt)
    {
        var isContent = new bool[prompt.Text.Length];
        foreach (var range in prompt.Content)
        {
            isContent.AsSpan(range).Fill(true);
        }

        var ids = new List<int>();
        var start = 0;
        for (var at = 0; at <= prompt.Text.Length;)
        {
            var token = at == prompt.Text.Length || isContent[at] ? null : Array.Find(ControlTokens, token => string.CompareOrdinal(prompt.Text, at, token, 0, token.Length) == 0);
            if (token is null && at < prompt.Text.Length)
            {
                at++;
                continue;
            }

            if (at > start)
            {
                ids.AddRange(tokenizer.EncodeOrdinary(prompt.Text.AsSpan(start, at - start)));
            }

            if (token is null)
            {
                break;
            }

            ids.Add(Assert.Single(tokenizer.Encode(token)));
            start = at += token.Length;
        }

        return ids;
    }
}
