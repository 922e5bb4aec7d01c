using System.Text.Json;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Grpc.Protocol.Engine;

namespace Connectors.Vllm.Testing.Tests;

/// <summary>The built-in model, through the wire, with prompts as the shipped template renders them.</summary>
public sealed class DemoModelTests
{
    private const string Weather = """
        {"type": "function", "function": {"name": "get_weather", "description": "Get the weather of a city.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}, "unit": {"enum": ["celsius", "fahrenheit"]}}, "required": ["city", "days", "unit"]}}}
        """;

    private const string Time =
        """{"type": "function", "function": {"name": "get_current_time", "description": "The time in a time """
            + """zone.", "parameters": {"type": "object", "properties": {}}}}""";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Answer_PlainQuestion_ThinksAndMentionsTheUsersWords()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);

        var text = await AskAsync(server, "<|im_start|>user\nWhy is the sky blue?<|im_end|>\n<|im_start|>assistant\n");

        Assert.StartsWith("<think>\n", text);
        var answer = text[(text.IndexOf("</think>", StringComparison.Ordinal) + 8)..];
        Assert.Contains("Why is the sky blue?", answer);
        Assert.EndsWith("<|im_end|>", answer);
    }

    [Fact]
    public async Task Answer_ClosedThinkBlockInPrompt_DoesNotThink()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);

        var text = await AskAsync(server, "<|im_start|>user\nWhy is the sky blue?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n");

        Assert.DoesNotContain("think>", text);
    }

    [Fact]
    public async Task Answer_ToolsOffered_CallsTheFittingToolWithArgumentsOfTheSchema()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);

        var text =
            await AskAsync(
                server, $"<|im_start|>system\n# Tools\n<tools>\n{Time}\n{Weather.Trim()}\n</tools><|im_end|>\n<|im_start|>user\nWhat is the "
                    + "weather in Paris over the next 3 days, in Celsius?<|im_end|>\n<|im_start|>assistant\n");

        var start = text.IndexOf("<tool_call>", StringComparison.Ordinal) + 11;
        using var call = JsonDocument.Parse(text[start..text.IndexOf("</tool_call>", StringComparison.Ordinal)]);
        Assert.Equal("get_weather", call.RootElement.GetProperty("name").GetString());
        var arguments = call.RootElement.GetProperty("arguments");
        Assert.Equal("Paris", arguments.GetProperty("city").GetString());
        Assert.Equal(3, arguments.GetProperty("days").GetInt32());
        Assert.Equal("celsius", arguments.GetProperty("unit").GetString());
    }

    [Fact]
    public async Task Answer_ToolResultThere_TellsItAndCallsNoTool()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);

        var text =
            await AskAsync(
                server, $"<|im_start|>system\n<tools>\n{Weather.Trim()}\n</tools><|im_end|>\n<|im_start|>user\nWhat is the weather in "
                    + $"Paris?<|im_end|>\n<|im_start|>assistant\n<tool_call>\n{{}}\n</tool_call><|im_end|>\n<|im_start|>user\n<tool_response>\n21 "
                    + "degrees and sunny\n</tool_response><|im_end|>\n<|im_start|>assistant\n");

        Assert.Contains("21 degrees and sunny", text);
        Assert.DoesNotContain("<tool_call>", text);
    }

    [Fact]
    public async Task Answer_ControlTokenInUserText_NeverBecomesAControlToken()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        var end = server.Tokenizer.TokenToId("<|im_end|>")!.Value;
        int[] prompt =
        [
            .. server.Tokenizer.Encode("<|im_start|>user\n"),
            .. server.Tokenizer.EncodeOrdinary("Say <|im_end|> twice"),
            .. server.Tokenizer.Encode("<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"),
        ];

        var ids = await AskAsync(server, prompt, new SamplingParams());

        Assert.Equal(end, Assert.Single(ids, id => id == end));
        Assert.Equal(end, ids[^1]);
    }

    [Theory]
    [InlineData(ConstraintStart.FirstToken, "", "{")]
    [InlineData(ConstraintStart.AfterReasoning, "<think>\n", "</think>")]
    [InlineData(ConstraintStart.AfterReasoning, "<think>\n\n</think>\n\n", "{")]
    public async Task Answer_Schema_HoldsWhereTheServerStartsConstraints(ConstraintStart start, string tail, string expected)
    {
        await using var server = await VllmEmulator.StartAsync(new() { ConstraintStart = start, ReasoningParser = "qwen3" }, Cancel);
        var schema = """{"type":"object","properties":{"city":{"type":"string"},"population":{"type":"integer"}},"required":["city","population"]}""";

        var text = await AskAsync(server, "<|im_start|>user\nHow many people live in Paris, 2 or 3?<|im_end|>\n<|im_start|>assistant\n" + tail,
            new() { JsonSchema = schema });

        Assert.Contains(expected, text);
        var json = text[text.IndexOf('{', StringComparison.Ordinal)..(text.LastIndexOf('}') + 1)];
        using var document = JsonDocument.Parse(json);
        Assert.Equal("Paris", document.RootElement.GetProperty("city").GetString());
        Assert.Equal(2, document.RootElement.GetProperty("population").GetInt32());
        Assert.True(expected != "{" || text.StartsWith('{'), text);
    }

    [Theory]
    [InlineData("[A-Z][a-z]{2,5}-\\d{2}")]
    [InlineData("(yes|no)( please)?")]
    [InlineData("\\w+@\\w+\\.com")]
    [InlineData("(?:ab){2}c*[^x]")]
    public async Task Answer_Regex_Matches(string pattern)
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);

        var text = await AskAsync(server, "<|im_start|>user\nhm<|im_end|>\n<|im_start|>assistant\n", new() { Regex = pattern });

        Assert.Matches($"^(?:{pattern})$", text.Replace("<|im_end|>", "", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Answer_StructuralTag_FollowsTheFormat()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        var tag =
            """{"type":"structural_tag","format":{"type":"sequence","elements":[{"type":"tag","begin":"<think>","content":{"type":"any_text"},"en"""
                + """d":"</think>"},{"type":"json_schema","json_schema":{"type":"object","properties":{"ok":{"type":"boolean"}}}}]}}""";

        var text = await AskAsync(server, "<|im_start|>user\nhm<|im_end|>\n<|im_start|>assistant\n", new() { StructuralTag = tag });

        Assert.Matches("^<think>.+</think>\\{\"ok\": true\\}<\\|im_end\\|>$", text);
    }

    private static async Task<string> AskAsync(VllmEmulator server, string prompt, SamplingParams? sampling = null) =>
        server.Tokenizer.Decode(await AskAsync(server, server.Tokenizer.Encode(prompt), sampling ?? new SamplingParams()));

    private static async Task<int[]> AskAsync(VllmEmulator server, int[] prompt, SamplingParams sampling)
    {
        using var client = new RawGrpcClient(server.Endpoint);
        var request = new GenerateRequest { Tokenized = new() { InputIds = { prompt.Select(id => (uint)id) } }, SamplingParams = sampling };
        var answer = await client.CallAsync(Methods.Generate, request, Cancel);
        Assert.True(answer.Status == 0, answer.Detail);
        return [.. Assert.Single(answer.Parse(GenerateResponse.Parser)).Complete.OutputIds.Select(id => (int)id)];
    }
}
