using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.ChatTemplates.Tests.Renderers;

public class ChatPromptRenderersTests
{
    private static readonly object[] Hello = [new Dictionary<string, object?> { ["role"] = "user", ["content"] = "hello" }];

    [Theory]
    [InlineData("DeepseekV32ForCausalLM", null, "<｜User｜>hello")]
    [InlineData("DeepseekV4ForCausalLM", null, "Absolute maximum")]
    [InlineData("DeepseekV4ForConditionalGeneration", null, "Absolute maximum")]
    [InlineData("DeepseekV41ForCausalLM", null, "<｜System｜>")]
    [InlineData("KimiK3ForConditionalGeneration", null, "<|open|>message")]
    [InlineData("InklingForCausalLM", null, "<|message_user|>")]
    [InlineData("InklingForConditionalGeneration", null, "<|message_user|>")]
    [InlineData("GptOssForCausalLM", "gpt_oss", "<|start|>user")]
    [InlineData("SomethingNew", "gpt_oss", "<|start|>user")]
    [InlineData(null, "deepseek_v32", "<｜User｜>hello")]
    [InlineData(null, "deepseek_v4", "Absolute maximum")]
    [InlineData(null, "deepseek_v41", "<｜System｜>")]
    [InlineData(null, "kimi_k3", "<|open|>message")]
    [InlineData("DeepseekV3ForCausalLM", "deepseek_v3", null)]
    [InlineData("KimiK25ForConditionalGeneration", "kimi_k25", null)]
    [InlineData("MistralForCausalLM", "mistral", null)]
    [InlineData("Qwen3ForCausalLM", "qwen3", null)]
    [InlineData(null, null, null)]
    public void ForModel_ArchitectureOrType_RendererOfTheFamily(string? architecture, string? modelType, string? mark)
    {
        var renderer = ChatPromptRenderer.ForModel(architecture is null ? null : [architecture], modelType);
        if (mark is null)
        {
            Assert.Null(renderer);
        }
        else
        {
            Assert.Contains(
                mark, renderer!.Render(new ChatTemplateInput { Messages = Hello, AddGenerationPrompt = true }).Text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void ForModel_MistralOptions_MistralRendererUnlessAnotherFamily()
    {
        var options = new ChatPromptRendererOptions { Mistral = new MistralPromptOptions { Version = MistralPromptVersion.V7 } };
        var input = new ChatTemplateInput { Messages = Hello };
        Assert.Equal("<s>[INST]hello[/INST]", ChatPromptRenderer.ForModel(["MistralForCausalLM"], "mistral", options)!.Render(input).Text);
        Assert.StartsWith(
            "<|start|>", ChatPromptRenderer.ForModel(["GptOssForCausalLM"], "gpt_oss", options)!.Render(input).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tokenizer.model.v3", 3)]
    [InlineData("tokenizer.model.v7m1", 7)]
    [InlineData("tokenizer.model.v1", null)]
    [InlineData("tokenizer.model.v99", null)]
    [InlineData("tokenizer.model", null)]
    public void FromFileName_Ending_Version(string name, int? expected) =>
        Assert.Equal((MistralPromptVersion?)expected, MistralPromptOptions.FromFileName(name)?.Version);

    [Fact]
    public void FromTekken_WholeFile_Settings()
    {
        var options = MistralPromptOptions.FromTekken("""
            {"config":{"pattern":".","version":"v15","default_num_special_tokens":1000},"vocab":[{"rank":0,"token_bytes":"AA==","token_str":null}],
             "image":{"image_patch_size":14,"max_image_size":1540,"spatial_merge_size":2},
             "model_settings_builder":{"reasoning_effort":{"values":["none","high"],"default":"none"}}}
            """u8)!;
        Assert.Equal(MistralPromptVersion.V15, options.Version);
        Assert.Equal(["none", "high"], options.ReasoningEfforts);
        Assert.Equal("none", options.DefaultReasoningEffort);
        Assert.Equal(new MistralImageOptions { PatchSize = 14, MaxImageSize = 1540, SpatialMergeSize = 2 }, options.Images);
        Assert.Null(MistralPromptOptions.FromTekken("""{"config":{"version":"v2"}}"""u8));
        Assert.Null(MistralPromptOptions.FromTekken("""{"config":{"version":"v3"}}"""u8)!.Images);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"config\":5}")]
    [InlineData("{\"config\":{\"version\":\"v3\"}")]
    public void FromTekken_NoTekkenFile_Refused(string json) =>
        Assert.Throws<ChatTemplateException>(() => MistralPromptOptions.FromTekken(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void Create_MistralWithoutOptions_ArgumentException() =>
        Assert.Throws<ArgumentException>(() => ChatPromptRenderer.Create("mistral", null));

    [Fact]
    public void Create_UnknownName_Null() => Assert.Null(ChatPromptRenderer.Create("hf"));

    [Fact]
    public void Render_HarmonyWithoutDate_LocalDateOfTheClock()
    {
        var clock = new FixedClock(new DateTimeOffset(2031, 12, 31, 22, 30, 0, TimeSpan.Zero), TimeSpan.FromHours(2));
        var text = ChatPromptRenderer.Create("harmony")!.Render(new ChatTemplateInput { Messages = Hello, TimeProvider = clock }).Text;
        Assert.Contains("Current date: 2032-01-01\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Render_ImageWithoutGrid_OneTokenPerImage()
    {
        var options = new ChatPromptRendererOptions
        { Mistral = new MistralPromptOptions { Version = MistralPromptVersion.V13, Images = new MistralImageOptions { WritesGrid = false } } };
        var messages =
            JsonNode.Parse(
                """[{"role":"user","content":[{"type":"text","text":"see [IMG]"},{"type":"image_url","image_url":{"url":"https://example.org/a.pn"""
                    + """g"}}]}]""");
        var prompt = ChatPromptRenderer.Create("mistral", options)!.Render(new ChatTemplateInput { Messages = messages });
        Assert.Equal("<s>[INST][IMG]see [IMG][/INST]", prompt.Text);
        Assert.Equal("see [IMG]", prompt.Text[Assert.Single(prompt.Content)]);
    }

    [Theory]
    [InlineData("data:image/gif;base64,R0lGODlhIAAQAAAAACw=", 2, 1)]
    [InlineData("data:image/webp;base64,UklGRgAAAABXRUJQVlA4IAAAAAAAAACdASoQADAAAAA=", 1, 3)]
    [InlineData("data:image/webp;base64,UklGRgAAAABXRUJQVlA4TAAAAAAvH0AAAAAAAAAAAAA=", 2, 1)]
    [InlineData("data:image/webp;base64,UklGRgAAAABXRUJQVlA4WAoAAAAAAAAADwAAHwAA", 1, 2)]
    [InlineData("data:image/jpeg;base64,/9j/4AAEAAD/wAALCAAgABABAREA", 1, 2)]
    public void Render_ImageFormats_GridOfTheirSize(string url, int columns, int rows)
    {
        var row = string.Concat(Enumerable.Repeat("[IMG]", columns));
        var expected = string.Join("[IMG_BREAK]", Enumerable.Repeat(row, rows)) + "[IMG_END]";
        Assert.Equal($"<s>[INST]{expected}[/INST]", TestRenderers.Create("mistral").Render(Image(url)).Text);
    }

    [Theory]
    [InlineData("https://example.org/a.png")]
    [InlineData("data:image/png;base64,%%%")]
    [InlineData("data:image/png;base64,aGVsbG8=")]
    [InlineData("")]
    public void Render_ImageOfUnknownSize_Refused(string url) =>
        Assert.Throws<ChatTemplateException>(() => TestRenderers.Create("mistral").Render(Image(url)));

    [Fact]
    public void Render_JsonAndCollections_SamePrompt()
    {
        const string Json =
            """[{"role":"user","content":"hello"},{"role":"assistant","content":[{"type":"text","text":"x"}],"reasoning_content":"r"}]""";
        using var document = JsonDocument.Parse(Json);
        object[] forms =
        [
            document.RootElement,
            document,
            JsonNode.Parse(Json)!,
            new List<object?>
            {
                JsonNode.Parse("""{"role":"user","content":"hello"}"""),
                new Dictionary<string, object?>
                {
                    ["role"] = "assistant",
                    ["content"] = new List<IReadOnlyDictionary<string, string>>
                        { new Dictionary<string, string> { ["type"] = "text", ["text"] = "x" } },
                    ["reasoning_content"] = "r",
                },
            },
        ];
        var texts = forms.Select(form => TestRenderers.Create("kimi_k3").Render(new ChatTemplateInput { Messages = form }).Text).Distinct();
        Assert.Contains("think<|sep|>r<|close|>", Assert.Single(texts), StringComparison.Ordinal);
    }

    [Fact]
    public void Render_ValueWithoutJsonForm_Refused()
    {
        var input = new ChatTemplateInput
        { Messages = new object[] { new Dictionary<string, object?> { ["role"] = "user", ["content"] = new Uri("https://example.org") } } };
        Assert.Contains("System.Uri", Assert.Throws<ChatTemplateException>(() => TestRenderers.Create("harmony").Render(input)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Render_CollectionThatHoldsItself_Refused()
    {
        var loop = new List<object?>();
        loop.Add(loop);
        Assert.Throws<ChatTemplateException>(() => TestRenderers.Create("harmony").Render(new ChatTemplateInput { Messages = loop }));
    }

    [Fact]
    public void Render_ManyThreads_SamePrompt()
    {
        var renderer = TestRenderers.Create("deepseek_v4");
        var texts = new string[64];
        Parallel.For(0, texts.Length, i => texts[i] = renderer.Render(new ChatTemplateInput { Messages = Hello, AddGenerationPrompt = true }).Text);
        Assert.Single(texts.Distinct());
    }

    private static ChatTemplateInput Image(string url) => new()
    {
        Messages = new object[]
        {
            new Dictionary<string, object?>
            {
                ["role"] = "user",
                ["content"] = new object[] { new Dictionary<string, object?>
                    { ["type"] = "image_url", ["image_url"] = new Dictionary<string, object?> { ["url"] = url } } },
            },
        },
    };

    private sealed class FixedClock(DateTimeOffset now, TimeSpan offset) : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone { get; } = TimeZoneInfo.CreateCustomTimeZone("test", offset, "test", "test");

        public override DateTimeOffset GetUtcNow() => now;
    }
}
