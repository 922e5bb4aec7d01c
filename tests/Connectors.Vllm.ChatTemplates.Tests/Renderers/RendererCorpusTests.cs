using System.Globalization;
using System.Text.Json;

namespace Connectors.Vllm.ChatTemplates.Tests.Renderers;

/// <summary>Every request of the reference corpus gives the reference's prompt, or is refused where the reference refuses it.</summary>
public class RendererCorpusTests
{
    [Theory]
    [InlineData("deepseek_v32", 181, 22)]
    [InlineData("deepseek_v4", 202, 4)]
    [InlineData("deepseek_v41", 183, 23)]
    [InlineData("inkling", 184, 23)]
    public void Render_PythonReference_SamePrompt(string mode, int compared, int refused)
    {
        var renderer = ChatPromptRenderers.Create(mode)!;
        var run = new CorpusRun();
        foreach (var item in RendererCase.Load($"renderers/{mode}.jsonl"))
        {
            // Checks of the HTTP request are no concern of a renderer; "defect" marks requests that only fail inside the engine.
            if (item["stage"] is not null || item["defect"] is not null)
            {
                continue;
            }

            var hasFlags = item["text_flags"] is not null || item["error_flags"] is not null;
            var text = hasFlags ? item["text_flags"]?.GetString() : item.Text;
            run.Check(item.Name, renderer, item.ToInput(item["kwargs"] ?? default(JsonElement)), text, item.Error);
        }

        run.AssertNoFaults(compared, refused);
    }

    [Theory]
    [InlineData("deepseek_v32")]
    [InlineData("deepseek_v4")]
    [InlineData("deepseek_v41")]
    [InlineData("inkling")]
    public void Render_RequestAsTheEngineNormalizedIt_SamePrompt(string mode)
    {
        var renderer = ChatPromptRenderers.Create(mode)!;
        var compared = 0;
        foreach (var item in RendererCase.Load($"renderers/{mode}.jsonl").Where(item => item.IsOk && item["seen"] is not null && item["text_flags"] is null && item["error_flags"] is null))
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
        var renderer = ChatPromptRenderers.Create("kimi_k3")!;
        var run = new CorpusRun();
        foreach (var item in RendererCase.Load("renderers/kimi_k3.jsonl").Where(item => item["stage"] is null))
        {
            // The reference closes a message that is to be continued; a continued one must stay open behind its text (or its calls).
            var input = item.ToInput(item["kwargs"] ?? default(JsonElement), "tool_choice", "response_format");
            var text = item.Text;
            foreach (var ending in (ReadOnlySpan<string>)(input.ContinueFinalMessage is true ? ["<|close|>message<|sep|><|end_of_msg|>", "<|close|>response<|sep|>"] : []))
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

        run.AssertNoFaults(157, 32);
    }

    [Fact]
    public void Render_Harmony_SamePrompt()
    {
        var run = new CorpusRun();
        foreach (var item in RendererCase.Load("renderers/harmony.jsonl").Where(item => !IsRequestCheck(item)))
        {
            // The reference's request schema lets an object as tool content through, as empty text; we say that it is no content.
            if (item.Name == "wire/h_tool_content_dict")
            {
                Assert.Throws<ChatTemplateException>(() => ChatPromptRenderers.Create("harmony")!.Render(item.ToInput()));
                continue;
            }

            var now = DateOnly.Parse(item["now"]!.Value.GetString()!, CultureInfo.InvariantCulture);
            run.Check(item.Name, ChatPromptRenderers.Create("harmony", new ChatPromptRendererOptions { HarmonyDate = now })!, item.ToInput(), item.Text, item.Error);
        }

        run.AssertNoFaults(214, 3);
    }

    [Fact]
    public void Render_Mistral_SamePromptAndSegments()
    {
        var run = new CorpusRun();
        foreach (var item in RendererCase.Load("renderers/mistral.jsonl").Where(item => !IsRequestCheck(item)))
        {
            var tokenizer = item["tokenizer"]!.Value.GetString()!;
            var options = MistralPromptOptions.FromFileName("tokenizer.model." + tokenizer[..tokenizer.IndexOf('-', StringComparison.Ordinal)])! with
            {
                Images = tokenizer.EndsWith("-tekken", StringComparison.Ordinal) ? new MistralImageOptions() : null,
                ReasoningEfforts = ["none", "high"],
                DefaultReasoningEffort = "none",
            };
            var renderer = ChatPromptRenderers.ForModel(["MistralForCausalLM"], "mistral", new ChatPromptRendererOptions { Mistral = options })!;
            run.Check(item.Name, renderer, item.ToInput(), item.Text, item.Error, rendered =>
            {
                // Neighbouring texts are one piece of the prompt text, and a marker in content is text.
                var expected = new List<(bool IsToken, string Text)>();
                foreach (var pair in item["segments"]!.Value.EnumerateArray())
                {
                    var next = (IsToken: pair[0].GetString() == "c", Text: pair[1].GetString()!);
                    if (!next.IsToken && next.Text.Length == 0)
                    {
                        continue;
                    }

                    if (!next.IsToken && expected is [.., { IsToken: false }])
                    {
                        expected[^1] = (false, expected[^1].Text + next.Text);
                    }
                    else
                    {
                        expected.Add(next);
                    }
                }

                if (!expected.SequenceEqual(PromptSegments.Split(rendered, MistralTokens)))
                {
                    run.Fault(item.Name, "has other segments");
                }
            });
        }

        run.AssertNoFaults(421, 177);
    }

    private static readonly string[] MistralTokens =
    [
        "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "[IMG_BREAK]", "[IMG_END]",
        "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]", "[ARGS]", "[CALL_ID]", "[THINK]", "[/THINK]", "[MODEL_SETTINGS]", "[/MODEL_SETTINGS]",
    ];

    /// <summary>Refusals of the HTTP request's own schema, before any renderer: field types, an empty tools list, template options in Mistral mode.</summary>
    private static bool IsRequestCheck(RendererCase item) => item.Error is { } error
        && (error.Contains("validation error", StringComparison.Ordinal) && !error.Contains("AssistantMessage", StringComparison.Ordinal)
            || error.Contains("must not be an empty array", StringComparison.Ordinal)
            || error.Contains("chat_template is not supported", StringComparison.Ordinal)
            || error.StartsWith("TypeError", StringComparison.Ordinal));
}
