namespace Connectors.Vllm.OutputParsing.Tests;

public sealed class OutputFormatsTests
{
    [Theory]
    [InlineData("qwen3_xml", "deepseek_r1", "qwen3_coder", "deepseek_r1")]
    [InlineData("glm47", "glm45", "glm47", "glm45")]
    [InlineData("granite-20b-fc", "granite_thinking_parser", "granite", "granite_thinking_parser")]
    [InlineData("openai", "openai_gptoss", "openai", "openai_gptoss")]
    [InlineData("none", "none", "none", "none")]
    public void FromNames_VllmNames_AreKnown(string tools, string reasoning, string expectedTools, string expectedReasoning)
    {
        var format = OutputFormat.FromNames(tools, reasoning);
        Assert.Equal((expectedTools, expectedReasoning), (format.ToolParser, format.ReasoningParser));
        Assert.Equal("chosen by option", format.ToolParserReason);
    }

    [Theory]
    [InlineData(
        "qwen3_json",
        "hermes pythonic llama3_json llama4_json llama4_pythonic mistral granite granite4 jamba internlm phi4_mini_json deepseek_v3 deepseek_v31 "
            + "deepseek_v32 deepseek_v4 deepseek_v41 "
        + "kimi_k2 kimi_k3 qwen3_coder qwen3_xml glm45 glm47 seed_oss minimax minimax_m2 minimax_m3 step3 step3p5 hunyuan_a13b xlam ernie45 "
        + "gigachat3 olmo3 functiongemma gemma4 longcat lfm2 apertus "
        + "cohere_command3 cohere_command4 poolside_v1 k2_horizon ling3 plamo3 muse_glimmer dots minicpm5 hy_v3 hy_v4 inkling openai mimo "
        + "granite_20b_fc minimax_m1 internlm2 nemotron_nano_v2 sarashina solar_open2")]
    public void ToolParsers_EveryNameOfVllm_HasARow(string first, string others) =>
        Assert.All(others.Split(' ').Append(first), name => Assert.Contains(name, OutputFormat.ToolParsers));

    [Theory]
    [InlineData(
        "deepseek_r1 deepseek_v3 deepseek_v4 qwen3 glm45 gemma4 kimi kimi_k2 kimi_k3 minimax_m2 minimax_m2_append_think minimax_m3 mistral "
            + "nemotron_v3 mimo seed_oss step3 step3p5 granite "
        + "granite_thinking_parser hunyuan_a13b ernie45 cohere_cmd inkling olmo3 holo2 hy_v3 hy_v4 ling3 plamo3 k2_horizon muse_glimmer "
        + "poolside_v1 minicpmv openai_gptoss deepseek_v31 deepseek_v32 deepseek_v41 glm47 nano_v3 cohere harmony solar_open2")]
    public void ReasoningParsers_EveryNameOfVllm_HasARow(string names) =>
        Assert.All(names.Split(' '), name => Assert.Contains(name, OutputFormat.ReasoningParsers));

    [Fact]
    public void Names_OfAllRows_AreUnique()
    {
        Assert.Equal(OutputFormat.ToolParsers.Count, OutputFormat.ToolParsers.Distinct().Count());
        Assert.Equal(OutputFormat.ReasoningParsers.Count, OutputFormat.ReasoningParsers.Distinct().Count());
    }

    [Fact]
    public void FromNames_UnknownName_SaysWhatIsKnown()
    {
        var error = Assert.Throws<OutputFormatException>(() => OutputFormat.FromNames("hermez", "none"));
        Assert.Contains("'hermez'", error.Message, StringComparison.Ordinal);
        Assert.Contains("hermes", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gpt_oss", "", "", "openai", "openai_gptoss")]
    [InlineData("glm4_moe", "<tool_call><arg_key> <think>", "", "glm47", "glm45")]
    [InlineData("qwen3_moe", "<tool_call>\\n{\"name\": ... <think>", "", "hermes", "qwen3")]
    [InlineData("qwen3_next", "<function= <parameter= <tool_call>", "", "qwen3_coder", "none")]
    [InlineData("deepseek_v3", "<｜tool▁calls▁begin｜> ```json </think>", "", "deepseek_v3", "deepseek_v3")]
    [InlineData("deepseek_v3", "<｜tool▁calls▁begin｜> </think>", "", "deepseek_v31", "deepseek_v3")]
    [InlineData("deepseek_v32", "", "", "deepseek_v32", "deepseek_v3")]
    [InlineData("deepseek_v32", "<｜tool▁calls▁begin｜>", "", "deepseek_v31", "deepseek_v3")]
    [InlineData("deepseek_v4", "", "", "deepseek_v4", "deepseek_v4")]
    [InlineData("kimi_k2", "", "", "kimi_k2", "kimi_k2")]
    [InlineData("solar_open2", "", "", "solar_open2", "solar_open2")]
    [InlineData("", "<|tool_arg:start|> <|think:start|>", "", "solar_open2", "solar_open2")]
    [InlineData("llama", "<|tool_calls|>", "", "sarashina", "none")]
    [InlineData("", "", "sbintuitions/sarashina2.2-3b-instruct", "sarashina", "none")]
    [InlineData("llama", "<|python_tag|>", "", "llama3_json", "none")]
    [InlineData("llama", "[/INST]", "", "none", "none")]
    [InlineData("", "", "Qwen/Qwen3-Coder-30B", "qwen3_coder", "qwen3")]
    [InlineData("", "", "meta-llama/Llama-3.3-70B-Instruct", "llama3_json", "none")]
    [InlineData("", "", "/models/prod", "none", "none")]
    public void Select_ModelParts_ChoosesTheFormat(string type, string template, string name, string tools, string reasoning)
    {
        var format = OutputFormat.Select(new OutputFormatHints { ModelType = type, ChatTemplate = template, ModelName = name });
        Assert.Equal((tools, reasoning), (format.ToolParser, format.ReasoningParser));
        Assert.Equal(tools == "none", format.Warning is not null);
    }

    [Fact]
    public void Select_KimiThatSaysItIsDeepSeek_IsRecognisedByItsVocabulary()
    {
        var format = OutputFormat.Select(new OutputFormatHints
        {
            Architectures = ["DeepseekV3ForCausalLM"],
            FindToken = text => text == "<|tool_calls_section_begin|>" ? 7 : null,
        });
        Assert.Equal("kimi_k2", format.ToolParser);
    }

    [Fact]
    public void Select_ServersOwnParser_WinsOverTheModel()
    {
        var format = OutputFormat.Select(
            new OutputFormatHints { ModelType = "gpt_oss", ServerToolParser = "hermes", ServerReasoningParser = "no such parser" });
        Assert.Equal(("hermes", "openai_gptoss"), (format.ToolParser, format.ReasoningParser));
    }

    [Theory]
    [InlineData("chat-templates/Qwen-Qwen3-0.6B.jinja", "hermes", "qwen3")]
    [InlineData("chat-templates/Qwen3-Coder.jinja", "qwen3_coder", "none")]
    [InlineData("chat-templates/Qwen3.5-4B.jinja", "qwen3_coder", "qwen3")]
    [InlineData("chat-templates/GLM-5.2.jinja", "glm47", "glm45")]
    [InlineData("chat-templates/Kimi-K2-Thinking.jinja", "kimi_k2", "kimi_k2")]
    [InlineData("chat-templates/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16.jinja", "qwen3_coder", "qwen3")]
    [InlineData("chat-templates/Mistral-Small-3.2-24B-Instruct-2506.jinja", "mistral", "none")]
    [InlineData("chat-templates/mistralai-Ministral-3-14B-Reasoning-2512.jinja", "mistral", "mistral")]
    [InlineData("chat-templates/google-gemma-4-31B-it.jinja", "gemma4", "gemma4")]
    [InlineData("chat-templates/openai-gpt-oss-120b.jinja", "openai", "openai_gptoss")]
    [InlineData("chat-templates/deepseek-ai-DeepSeek-V3.2.jinja", "deepseek_v32", "deepseek_v3")]
    [InlineData("chat-templates/deepseek-ai-DeepSeek-V4.jinja", "deepseek_v4", "deepseek_v4")]
    [InlineData("chat-templates/meta-llama-Llama-3.1-8B-Instruct.jinja", "llama3_json", "none")]
    [InlineData("chat-templates/unsloth-Apriel-1.5.jinja", "jamba", "none")]
    [InlineData("chat-templates/meetkai-functionary-medium-v3.1.jinja", "qwen3_coder", "none")]
    [InlineData("chat-templates/LFM2-8B-A1B.jinja", "lfm2", "none")]
    [InlineData("chat-templates/NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use.jinja", "hermes", "none")]
    [InlineData("chat-templates/CohereForAI-c4ai-command-r7b-12-2024-tool_use.jinja", "cohere_command3", "cohere_cmd")]
    public void Select_RealTemplate_ChoosesTheFormat(string path, string tools, string reasoning)
    {
        var format = OutputFormat.Select(new OutputFormatHints { ChatTemplate = File.ReadAllText(TestPaths.RequireCorpus(path)) });
        Assert.Equal((tools, reasoning), (format.ToolParser, format.ReasoningParser));
    }

    [Fact]
    public void Select_HunyuanSuffix_IsTakenFromTheTemplate()
    {
        var format = OutputFormat.Select(new OutputFormatHints { ModelType = "hy_v4", ChatTemplate = "<tool_calls:6124c78e> <think:6124c78e>" });
        var parser = OutputParser.Create(format, new OutputParserOptions { Tools = TestTools.All });
        Assert.Equal(["R a", "C now {}"], OutputCase.Lines(parser.Parse(
            "<think:6124c78e>a</think:6124c78e><tool_calls:6124c78e><tool_call:6124c78e>now</tool_call:6124c78e></tool_calls:6124c78e>")));
    }
}
