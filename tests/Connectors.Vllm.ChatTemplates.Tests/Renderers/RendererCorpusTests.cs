using System.Globalization;
using System.Text.Json;

namespace Connectors.Vllm.ChatTemplates.Tests.Renderers;

/// <summary>Every request of the reference corpus gives the reference's prompt, or is refused where the reference refuses it.</summary>
public class RendererCorpusTests
{
    [Theory]
    [InlineData("deepseek_v32", 182, 33, 2)]
    [InlineData("deepseek_v4", 202, 13, 2)]
    [InlineData("deepseek_v41", 183, 32, 2)]
    [InlineData("inkling", 184, 31, 2)]
    public void Render_PythonReference_SamePrompt(string mode, int compared, int refused, int tolerated)
    {
        var renderer = ChatPromptRenderer.Create(mode)!;
        var run = new CorpusRun();
        foreach (var item in RendererCase.Load($"renderers/{mode}.jsonl"))
        {
            if (ToleratedRequests.Repair(item) is { } repaired)
            {
                run.CheckTolerated(item.Name, renderer, Input(item), Input(repaired));
                continue;
            }

            // The V3.2 engine trips over its own index when it drops the reasoning of a conversation with a developer message; the rules give a
            // prompt.
            var isDefect = item["defect"] is not null && mode == "deepseek_v32" && !item.HasRole("latest_reminder");
            var hasFlags = item["text_flags"] is not null || item["error_flags"] is not null;
            var text = isDefect ? UsersAndDevelopers(item) : hasFlags ? item["text_flags"]?.GetString() : item.Text;
            run.Check(item.Name, renderer, Input(item), text, item.Error);
        }

        run.AssertNoFaults(compared, refused, tolerated);

        static ChatTemplateInput Input(RendererCase item) => item.ToInput(item["kwargs"] ?? default(JsonElement));
    }

    [Theory]
    [InlineData("deepseek_v32")]
    [InlineData("deepseek_v4")]
    [InlineData("deepseek_v41")]
    [InlineData("inkling")]
    public void Render_RequestAsTheEngineNormalizedIt_SamePrompt(string mode)
    {
        var renderer = ChatPromptRenderer.Create(mode)!;
        var compared = 0;
        foreach (var item in RendererCase.Load($"renderers/{mode}.jsonl")
            .Where(item => item.IsOk && item["seen"] is not null && item["text_flags"] is null && item["error_flags"] is null))
        {
            var seen = item["seen"]!.Value;
            JsonElement? Seen(string name) => seen.TryGetProperty(name, out var value) ? value : null;
            var asked = item.ToInput(item["kwargs"] ?? default(JsonElement));
            var input = new ChatTemplateInput
            {
                Messages = Seen("messages") ?? asked.Messages,
                Tools = Seen("tools") ?? asked.Tools,
                AddGenerationPrompt = asked.AddGenerationPrompt,
                Kwargs = Seen("kwargs")?.EnumerateObject().ToDictionary(member => member.Name, member => (object?)member.Value) ?? asked.Kwargs,
            };

            Assert.Equal(item.Text, renderer.Render(input).Text);
            compared++;
        }

        Assert.True(compared > 50, $"only {compared} cases");
    }

    [Fact]
    public void Render_KimiK3_SamePrompt()
    {
        var renderer = ChatPromptRenderer.Create("kimi_k3")!;
        var run = new CorpusRun();
        foreach (var item in RendererCase.Load("renderers/kimi_k3.jsonl"))
        {
            // The reference closes a message that is to be continued; a continued one must stay open behind its text (or its calls).
            var input = item.ToInput(item["kwargs"] ?? default(JsonElement), "tool_choice", "response_format");
            var text = item.Text;
            foreach (var ending in (ReadOnlySpan<string>)(input.ContinueFinalMessage is true
                ? ["<|close|>message<|sep|><|end_of_msg|>", "<|close|>response<|sep|>"]
                : []))
            {
                text = text is not null && text.EndsWith(ending, StringComparison.Ordinal) ? text[..^ending.Length] : text;
            }

            run.Check(item.Name, renderer, input, text, item.Error, rendered =>
            {
                if (item["segments"] is { } segments)
                {
                    var expected = segments.EnumerateArray().Select(pair => (pair[0].GetString() == "token", pair[1].GetString()!)).ToList();
                    Assert.Equal(expected, PromptSegments.Split(rendered, ["<|open|>", "<|close|>", "<|sep|>", "<|end_of_msg|>"]));
                }
            });
        }

        run.AssertNoFaults(157, 60);
    }

    [Fact]
    public void Render_Harmony_SamePrompt()
    {
        var run = new CorpusRun();
        foreach (var item in RendererCase.Load("renderers/harmony.jsonl"))
        {
            var now = DateOnly.Parse(item["now"]!.Value.GetString()!, CultureInfo.InvariantCulture);
            var renderer = ChatPromptRenderer.Create("harmony", new ChatPromptRendererOptions { HarmonyDate = now })!;
            if (ToleratedRequests.Repair(item) is { } repaired)
            {
                run.CheckTolerated(item.Name, renderer, item.ToInput(), repaired.ToInput());
                continue;
            }

            // The reference loses what a tool said when it is an object instead of text; we say that it is no content.
            run.Check(item.Name, renderer, item.ToInput(), item.Name == "wire/h_tool_content_dict" ? null : item.Text, item.Error
                ?? "content that is an object");
        }

        run.AssertNoFaults(214, 9, 2);
    }

    [Fact]
    public void Render_Mistral_SamePromptAndSegments()
    {
        var run = new CorpusRun();
        foreach (var item in RendererCase.Load("renderers/mistral.jsonl"))
        {
            var tokenizer = item["tokenizer"]!.Value.GetString()!;
            var options = MistralPromptOptions.FromFileName("tokenizer.model." + tokenizer[..tokenizer.IndexOf('-', StringComparison.Ordinal)])! with
            {
                Images = tokenizer.EndsWith("-tekken", StringComparison.Ordinal) ? new MistralImageOptions() : null,
                ReasoningEfforts = ["none", "high"],
                DefaultReasoningEffort = "none",
            };
            var renderer = ChatPromptRenderer.ForModel(["MistralForCausalLM"], "mistral", new ChatPromptRendererOptions { Mistral = options })!;
            if (ToleratedRequests.Repair(item) is { } repaired)
            {
                run.CheckTolerated(item.Name, renderer, Input(item), Input(repaired));
                continue;
            }

            run.Check(item.Name, renderer, Input(item), item.Text, item.Error, rendered =>
            {
                var expected = item["segments"]!.Value.EnumerateArray()
                    .Select(pair => (IsToken: pair[0].GetString() == "c", Text: pair[1].GetString()!)).Where(segment => segment.Text.Length > 0);
                if (!expected.SequenceEqual(PromptSegments.Split(rendered, MistralTokens)))
                {
                    run.Fault(item.Name, "has other segments");
                }
            });
        }

        run.AssertNoFaults(421, 225, 18);

        static ChatTemplateInput Input(RendererCase item) =>
            item.ToInput(item["kwargs"] is { } all && all.TryGetProperty("chat_template_kwargs", out var options) ? options : null);
    }

    private static readonly string[] MistralTokens =
    [
        "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]",
        "[IMG_BREAK]", "[IMG_END]",
        "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]", "[ARGS]", "[CALL_ID]", "[THINK]", "[/THINK]", "[MODEL_SETTINGS]",
        "[/MODEL_SETTINGS]",
    ];

    /// <summary>The prompt of users' and developers' messages alone, with thinking on.</summary>
    private static string UsersAndDevelopers(RendererCase item)
    {
        var messages = item["messages"]!.Value.EnumerateArray().ToList();
        return "<｜begin▁of▁sentence｜>" + string.Concat(messages.Select((message, index) =>
        {
            var content = message.GetProperty("content");
            var text = content.ValueKind == JsonValueKind.String
                ? content.GetString()
                : string.Join('\n', content.EnumerateArray().Select(part => part.GetProperty("text").GetString()).Where(part => part!.Length > 0));
            var lead = message.GetProperty("role").GetString() == "developer" ? "\n\n# The user's message is: " : "";
            return $"<｜User｜>{lead}{text}<｜Assistant｜>{(index == messages.Count - 1 ? "<think>" : "</think>")}";
        }));
    }
}
