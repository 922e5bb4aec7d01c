using System.Text.Json.Nodes;

namespace Connectors.Vllm.OutputParsing.Tests;

public sealed class OutputConstraintsTests
{
    private const string S = """{"type":"object","properties":{"city":{"type":"string"}}}""";

    private static readonly OutputTool[] Weather = [TestTools.Tool("get_weather", S)];

    [Fact]
    public void Build_HermesRequired_IsXgrammarsQwenShape() => AssertFormat(
        Build("hermes", "none", new() { Tools = Weather, ToolChoice = OutputToolChoice.Required }),
        """{"type":"triggered_tags","triggers":["<tool_call>"],"tags":[{"type":"tag","begin":"<tool_call>\n{\"name\": \"get_weather\", \"arguments\": ","content":{"type":"json_schema","json_schema":SCHEMA,"style":"json"},"end":"}\n</tool_call>"}],"at_least_one":true,"stop_after_first":false,"excludes":["<think>","</think>"]}""");

    [Fact]
    public void Build_CoderNamedInsideThought_PutsTheThoughtFirst() => AssertFormat(
        Build("qwen3_coder", "qwen3", new() { Tools = Weather, ToolChoice = OutputToolChoice.Named("get_weather"), PromptTail = "<think>\n" }),
        """{"type":"sequence","elements":[{"type":"sequence","elements":[{"type":"tag","begin":"","content":{"type":"any_text"},"end":"</think>"},{"type":"const_string","value":"\n\n"}]},{"type":"tag","begin":"<tool_call>\n<function=get_weather>\n","content":{"type":"json_schema","json_schema":SCHEMA,"style":"qwen_xml"},"end":"\n</function>\n</tool_call>"}]}""");

    [Fact]
    public void Build_DsmlRequiredSingle_StopsAfterFirst() => AssertFormat(
        Build("deepseek_v4", "none", new() { Tools = Weather, ToolChoice = OutputToolChoice.Required, AllowMultipleToolCalls = false }),
        """{"type":"sequence","elements":[{"type":"const_string","value":"\n\n"},{"type":"tag","begin":"<｜DSML｜tool_calls>\n","content":{"type":"tags_with_separator","tags":[{"type":"tag","begin":"<｜DSML｜invoke name=\"get_weather\">\n","content":{"type":"json_schema","json_schema":SCHEMA,"style":"deepseek_xml"},"end":"</｜DSML｜invoke>\n"}],"separator":"","at_least_one":true,"stop_after_first":true},"end":"</｜DSML｜tool_calls>"}]}""");

    [Fact]
    public void Build_KimiRequired_HasIdsInTheHeader() => AssertFormat(
        Build("kimi_k2", "none", new() { Tools = Weather, ToolChoice = OutputToolChoice.Required }),
        """{"type":"tag","begin":"<|tool_calls_section_begin|>","content":{"type":"tags_with_separator","tags":[{"type":"tag","begin":"<|tool_call_begin|>functions.get_weather:","content":{"type":"sequence","elements":[{"type":"regex","pattern":"\\d+"},{"type":"const_string","value":"<|tool_call_argument_begin|>"},{"type":"json_schema","json_schema":SCHEMA,"style":"json"}]},"end":"<|tool_call_end|>"}],"separator":"","at_least_one":true,"stop_after_first":false},"end":"<|tool_calls_section_end|>"}""");

    [Fact]
    public void Build_KimiK3Required_ClosesTheResponseBeforeItsCalls() => AssertFormat(
        Build("kimi_k3", "none", new() { Tools = Weather, ToolChoice = OutputToolChoice.Required }),
        """{"type":"sequence","elements":[{"type":"sequence","elements":[{"type":"optional","content":{"type":"const_string","value":"<|open|>response<|sep|>"}},{"type":"tag","begin":"","content":{"type":"any_text","excludes":["<|open|>","<|close|>","<|sep|>"]},"end":"<|close|>response<|sep|>"}]},{"type":"tag","begin":"<|open|>tools<|sep|>","content":{"type":"tags_with_separator","tags":[{"type":"tag","begin":"<|open|>call tool=\"get_weather\" index=\"","content":{"type":"sequence","elements":[{"type":"regex","pattern":"\\d+"},{"type":"const_string","value":"\"<|sep|>"},{"type":"optional","content":{"type":"tag","begin":"<|open|>argument key=\"city\" type=\"string\"<|sep|>","content":{"type":"any_text"},"end":"<|close|>argument<|sep|>"}}]},"end":"<|close|>call<|sep|>"}],"separator":"","at_least_one":true,"stop_after_first":false},"end":"<|close|>tools<|sep|>"}]}""");

    [Fact]
    public void Build_AfterReasoning_IsNeverWrapped()
    {
        var result = Build("hermes", "qwen3", new() { Answer = Schema, PromptTail = "<think>\n", Start = ConstraintStart.AfterReasoning });
        Assert.Equal(Schema, result.Constraint);
        Assert.Equal(CallShape.None, result.CallShape);
    }

    [Fact]
    public void Build_SchemaInsideThought_IsATagWithTheThoughtFirst() => AssertFormat(
        Build("hermes", "deepseek_r1", new() { Answer = Schema, PromptTail = "<think>" }),
        """{"type":"sequence","elements":[{"type":"tag","begin":"","content":{"type":"any_text"},"end":"</think>"},{"type":"json_schema","json_schema":SCHEMA,"style":"json"}]}""");

    [Fact]
    public void Build_SchemaWhereTheModelMayThink_MakesTheThoughtOptional()
    {
        var result = Build("hermes", "qwen3", new() { Answer = Schema, PromptTail = "<|im_start|>assistant\n" });
        var first = JsonNode.Parse(result.Constraint!.Text)!["format"]!["elements"]![0]!;
        Assert.Equal("optional", (string?)first["type"]);
        Assert.Equal("<think>", (string?)first["content"]!["elements"]![0]!["begin"]);
    }

    [Theory]
    [InlineData("<think>\n\n</think>\n\n", null)]
    [InlineData("<|im_start|>assistant\n", false)]
    public void Build_SchemaWithoutThinking_IsSentUnchanged(string tail, bool? thinking) =>
        Assert.Equal(Schema, Build("hermes", "qwen3", new() { Answer = Schema, PromptTail = tail, Thinking = thinking }).Constraint);

    [Fact]
    public void Build_AutoWithoutWishes_IsFree()
    {
        Assert.Null(Build("hermes", "qwen3", new() { Tools = Weather }).Constraint);
        Assert.Null(Build("hermes", "qwen3", new() { Tools = Weather, ToolChoice = OutputToolChoice.None }).Constraint);
    }

    [Fact]
    public void Build_AutoStrict_AllowsTextAndEnforcesOnlyStrictSchemas()
    {
        var result = Build("hermes", "none", new() { Tools = [Weather[0] with { Strict = true }, new OutputTool("now")] });
        var format = JsonNode.Parse(result.Constraint!.Text)!["format"]!;
        Assert.False((bool)format["at_least_one"]!);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(S), format["tags"]![0]!["content"]!["json_schema"]));
        Assert.True((bool)format["tags"]![1]!["content"]!["json_schema"]!);
    }

    [Fact]
    public void Build_ToolsAndSchema_AllowEither()
    {
        var result = Build("hermes", "none", new() { Tools = Weather, Answer = Schema });
        var format = JsonNode.Parse(result.Constraint!.Text)!["format"]!;
        Assert.Equal("or", (string?)format["type"]);
        Assert.Equal(CallShape.Native, result.CallShape);
    }

    [Fact]
    public void Build_FormatWithoutTag_UsesTheGenericShapes()
    {
        var required = Build("pythonic", "none", new() { Tools = [.. Weather, new OutputTool("now")], ToolChoice = OutputToolChoice.Required, AllowMultipleToolCalls = false });
        Assert.Equal((OutputConstraintKind.JsonSchema, CallShape.JsonArray), (required.Constraint!.Kind, required.CallShape));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse("""{"type":"array","minItems":1,"maxItems":1,"items":{"type":"object","anyOf":[{"properties":{"name":{"type":"string","enum":["get_weather"]},"parameters":SCHEMA},"required":["name","parameters"]},{"properties":{"name":{"type":"string","enum":["now"]},"parameters":{"type":"object","properties":{}}},"required":["name","parameters"]}]}}""".Replace("SCHEMA", S)),
            JsonNode.Parse(required.Constraint.Text)));
        var named = Build("pythonic", "none", new() { Tools = Weather, ToolChoice = OutputToolChoice.Named("get_weather") });
        Assert.Equal((S, CallShape.NamedArguments), (named.Constraint!.Text, named.CallShape));
    }

    [Fact]
    public void Build_ConflictingDefinitions_Throw()
    {
        OutputTool Defines(string name, string type) => TestTools.Tool(name, """{"type":"object","$defs":{"D":{"type":"TYPE"}}}""".Replace("TYPE", type));
        Assert.Throws<OutputFormatException>(() => Build("pythonic", "none", new() { Tools = [Defines("a", "string"), Defines("b", "integer")], ToolChoice = OutputToolChoice.Required }));
    }

    [Fact]
    public void Build_UnknownNamedTool_Throws() =>
        Assert.Throws<OutputFormatException>(() => Build("hermes", "none", new() { Tools = Weather, ToolChoice = OutputToolChoice.Named("nope") }));

    [Fact]
    public void Build_RequiredWithoutTools_Throws() =>
        Assert.Contains("no tools", Assert.Throws<OutputFormatException>(() => Build("hermes", "none", new() { ToolChoice = OutputToolChoice.Required })).Message);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Build_ChoiceNone_SendsNothingButTheAnswersConstraint(bool strict)
    {
        var tools = Weather.Select(tool => tool with { Strict = strict }).ToArray();
        Assert.Null(Build("hermes", "none", new() { Tools = tools, ToolChoice = OutputToolChoice.None }).Constraint);
        var result = Build("hermes", "none", new() { Tools = tools, ToolChoice = OutputToolChoice.None, Answer = Schema });
        Assert.Equal((Schema, (string?)null), (result.Constraint, result.Note));
    }

    [Fact]
    public void Build_StrictToolsOfAFormatWithoutTag_SayThatNothingEnforcesThem()
    {
        var result = Build("pythonic", "none", new() { Tools = [Weather[0] with { Strict = true }] });
        Assert.Null(result.Constraint);
        Assert.Contains("strict", result.Note);
    }

    [Fact]
    public void Build_ToolsAndSchemaOfAFormatWithoutTag_SayThatNoCallCanCome()
    {
        var result = Build("pythonic", "none", new() { Tools = Weather, Answer = Schema });
        Assert.Equal(Schema, result.Constraint);
        Assert.Contains("no room", result.Note);
    }

    [Fact]
    public void Build_HarmonySchema_HasTheHeaderOnlyWhereTheServerStartsAtTheFirstToken()
    {
        Assert.Contains("final json", Build("openai", "openai_gptoss", new() { Answer = Schema }).Constraint!.Text);
        Assert.Equal(Schema, Build("openai", "openai_gptoss", new() { Answer = Schema, Start = ConstraintStart.AfterReasoning }).Constraint);
    }

    [Fact]
    public void Build_ThoughtWithSeveralMarkers_EndsByAnyOfThem()
    {
        var tag = JsonNode.Parse(Build("k2_horizon", "k2_horizon", new() { Answer = Schema, PromptTail = "<ifm|think_fast>\n" }).Constraint!.Text)!["format"]!["elements"]![0]!;
        Assert.Equal(["</ifm|think>", "</ifm|think_fast>", "</ifm|think_faster>"], tag["end"]!.AsArray().Select(end => (string?)end));
    }

    [Fact]
    public void Build_HarmonyRequired_HasTwelveHeadersPerTool()
    {
        var format = JsonNode.Parse(Build("openai", "openai_gptoss", new() { Tools = Weather, ToolChoice = OutputToolChoice.Required }).Constraint!.Text)!["format"]!;
        var tags = format["elements"]![2]!["elements"]!.AsArray();
        Assert.Equal(12, tags.Count);
        Assert.Contains(tags, tag => (string?)tag!["begin"] == "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>");
    }

    [Theory]
    [InlineData("hermes", "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"X\"}}\n</tool_call>")]
    [InlineData("openai", " to=functions.get_weather<|channel|>commentary json<|message|>{\"city\": \"X\"}<|end|>")]
    [InlineData("deepseek_v3", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\": \"X\"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>")]
    public void Build_WhatATagForces_IsWhatTheParserReads(string tools, string output) =>
        Assert.Equal(["C get_weather {\"city\": \"X\"}"], OutputCase.Lines(OutputParser.Create(OutputFormats.FromNames(tools, "none"), new OutputParserOptions { Tools = Weather }).Parse(output)));

    private static OutputConstraint Schema => new(OutputConstraintKind.JsonSchema, S);

    private static OutputConstraintResult Build(string tools, string reasoning, OutputConstraintRequest request) =>
        OutputConstraints.Build(OutputFormats.FromNames(tools, reasoning), request);

    private static void AssertFormat(OutputConstraintResult result, string format)
    {
        Assert.Equal(OutputConstraintKind.StructuralTag, result.Constraint!.Kind);
        var expected = JsonNode.Parse("{\"type\":\"structural_tag\",\"format\":" + format.Replace("SCHEMA", S) + "}");
        var actual = JsonNode.Parse(result.Constraint.Text);
        Assert.True(JsonNode.DeepEquals(expected, actual), result.Constraint.Text);
    }
}
