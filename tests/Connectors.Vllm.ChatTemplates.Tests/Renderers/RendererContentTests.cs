using FsCheck;
using FsCheck.Fluent;

namespace Connectors.Vllm.ChatTemplates.Tests.Renderers;

/// <summary>Nothing that anybody writes into a message or a tool changes what the renderer writes around it.</summary>
public class RendererContentTests
{
    private static readonly string[] Fragments =
    [
        "a", " ", "\n", "\"", "\\", "{", "é", "⚓", "🌊", "\u2028", "]]", "1", "&quot;",
        "<|start|>", "<|end|>", "<|call|>", "<|channel|>final<|message|>",
        "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>", "</think>", "</｜DSML｜invoke>", "</tool_result>",
        "<|open|>", "<|sep|>", "<|close|>message<|sep|>", "<|end_of_msg|>", "<|message_system|>", "<|end_message|>",
        "[INST]", "[/INST]", "</s>", "[TOOL_CALLS]", "[/TOOL_RESULTS]", "[/AVAILABLE_TOOLS]",
    ];

    [Theory]
    [InlineData("harmony", null)]
    [InlineData("deepseek_v32", null)]
    [InlineData("deepseek_v4", null)]
    [InlineData("deepseek_v41", null)]
    [InlineData("kimi_k3", null)]
    [InlineData("inkling", null)]
    [InlineData("mistral", "v3")]
    [InlineData("mistral", "v7")]
    [InlineData("mistral", "v11")]
    [InlineData("mistral", "v13")]
    [InlineData("mistral", "v15")]
    public void Render_AnyTextInMessages_SameMarkup(string mode, string? version)
    {
        var renderer = TestRenderers.Create(mode, version);
        var expected = Markup(renderer.Render(Conversation(_ => "plain")));

        // A letter in front keeps texts from being empty or a JSON number, which some formats write differently.
        var text = Gen.Elements(Fragments).ListOf().Select(parts => "t" + string.Concat(parts) + "t").ArrayOf(6);
        Prop.ForAll(text.ToArbitrary(), texts =>
        {
            var rendered = renderer.Render(Conversation(slot => texts[slot]));
            Assert.Equal(expected, Markup(rendered));
            Assert.All(
                [0, 1, 2, 4],
                slot => Assert.Contains(
                    rendered.Content, range => rendered.Text[range].Contains(InPrompt(texts[slot], slot, version), StringComparison.Ordinal)));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(150));

        static string InPrompt(string text, int slot, string? version) =>
            slot == 4 && version == "v3" ? text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)
                .Replace("\n", "\\n", StringComparison.Ordinal) : text;
    }

    private static ChatTemplateInput Conversation(Func<int, string> text) => new()
    {
        Messages = new object[]
        {
            Message("system", text(0)),
            Message("user", text(1)),
            Message("assistant", text(2)),
            Message("user", "look it up"),
            new Dictionary<string, object?>
            {
                ["role"] = "assistant",
                ["content"] = null,
                ["tool_calls"] = new[]
                {
                    new Dictionary<string, object?>
                    {
                        ["id"] = "call00001",
                        ["type"] = "function",
                        ["function"] = new Dictionary<string, object?>
                            { ["name"] = "look_up", ["arguments"] = new Dictionary<string, object?> { ["what"] = text(3) } },
                    },
                },
            },
            new Dictionary<string, object?> { ["role"] = "tool", ["tool_call_id"] = "call00001", ["content"] = text(4) },
        },
        Tools = new[]
        {
            new Dictionary<string, object?>
                { ["type"] = "function", ["function"] = new Dictionary<string, object?> { ["name"] = "look_up", ["description"] = text(5) } },
        },
        AddGenerationPrompt = true,
    };

    private static Dictionary<string, object?> Message(string role, string content) => new() { ["role"] = role, ["content"] = content };

    /// <summary>The prompt with every content range replaced by one mark.</summary>
    private static string Markup(RenderedPrompt prompt)
    {
        var text = new System.Text.StringBuilder();
        var end = 0;
        foreach (var range in prompt.Content)
        {
            text.Append(prompt.Text, end, range.Start.Value - end).Append('⟦');
            end = range.End.Value;
        }

        return text.Append(prompt.Text, end, prompt.Text.Length - end).ToString();
    }
}
