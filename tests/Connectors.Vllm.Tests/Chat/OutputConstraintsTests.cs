using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.Constraints;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;

namespace Connectors.Vllm.Tests;

public sealed class OutputConstraintsTests
{
    private const string S = """{"type":"object","properties":{"city":{"type":"string"}}}""";

    // A tool accepts only its declared parameters.
    private const string Closed = """{"type":"object","properties":{"city":{"type":"string"}},"additionalProperties":false}""";

    private static readonly OutputTool[] Weather = [Tool("get_weather", S)];

    [Fact]
    public void Build_HermesRequired_IsCallsAndNothingElse()
    {
        var result = Build("hermes", "none", new() { Tools = Weather, ToolChoice = OutputToolChoice.Required });
        AssertFormat(
            result, """{"type":"tags_with_separator","tags":[{"type":"tag","begin":"<tool_call>\n{\"name\": \"get_weather\", """
                + """\"arguments\": ","content":{"type":"json_schema","json_schema":CLOSED,"max_whitespace_cnt":1},"end":"}\n</tool_call>"}],"sep"""
                + """arator":"\n","at_least_one":true,"stop_after_first":false}""");
        AssertLark(result, """
            start: r2 ("\n" r2)*
            json1: %json {"type":"object","properties":{"city":{"type":"string"}},"additionalProperties":false,"x-guidance":{"whitespace_flexible":false,"item_separator":", ?","key_separator":": ?"}}
            r2: "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": " json1 "}\n</tool_call>"

            """);
    }

    [Fact]
    public void Build_MarkersAreSpecialTokens_LarkNamesThemById() => AssertLark(
        Build("mistral", "none", new()
        {
            Tools = [new("now", null)],
            ToolChoice = OutputToolChoice.Required,
            AllowMultipleToolCalls = false,
            BoundWhiteSpace = false,
            SpecialTokens = new Dictionary<int, string> { [9] = "[TOOL_CALLS]" },
        }),
        """
        start: <[9]> " [" r2 "]"
        json1: %json {"type":"object","properties":{},"additionalProperties":false}
        r2: "{\"name\": \"now\", \"arguments\": " json1 "}"

        """);

    [Theory]
    [InlineData("hermes")]
    [InlineData("qwen3_coder")]
    [InlineData("xlam")]
    public void Build_SchemaWithRepeatedKeys_KeepsTheLastValue(string format)
    {
        const string Schema = """
            {"type":"string","type":"object","properties":{"a":{"type":"integer","type":"string"},"a":{"type":"boolean"}},"$defs":{"x":{},"x":{"type":"null"}}}
            """;
        var tool = new OutputTool("now", JsonElement.Parse(Schema));
        var answer = OutputConstraint.JsonSchema(Schema);
        Assert.NotNull(Build(format, "none", new() { Tools = [tool], ToolChoice = OutputToolChoice.Required }));
        Assert.NotNull(Build(format, "none", new() { Tools = [tool], Answer = answer }));
    }

    [Fact]
    public void Build_CallsInText_ComeBehindTextWithoutTheTrigger()
    {
        var lark = Build("mistral", "none", new()
        {
            Tools = [new("now", null, Strict: true)],
            BoundWhiteSpace = false,
            SpecialTokens = new Dictionary<int, string> { [9] = "[TOOL_CALLS]" },
        }).ToLark();
        Assert.StartsWith("start: r4* T1\n", lark);
        Assert.Contains("T1 <[9]> ", lark);
    }

    [Fact]
    public void Build_DsmlRequiredSingle_HasOneCall() => AssertFormat(
        Build("deepseek_v4", "none", new() { Tools = [new("now", null)], ToolChoice = OutputToolChoice.Required, AllowMultipleToolCalls = false }),
        """{"type":"sequence","elements":[{"type":"optional","content":{"type":"const_string","value":"\n\n"}},"""
            + """{"type":"const_string","value":"<｜DSML｜tool_calls>\n"},{"type":"const_string","value":"<｜DSML｜invoke """
            + """name=\"now\">\n</｜DSML｜invoke>\n"},{"type":"const_string","value":"</｜DSML｜tool_calls>"}]}""");

    [Fact]
    public void Build_StringParameters_RunUpToTheirMarker() => AssertFormat(
        Build("seed_oss", "none", new() { Tools = Weather, ToolChoice = OutputToolChoice.Named("get_weather") }),
        """{"type":"sequence","elements":[{"type":"const_string","value":"<seed:tool_call>\n<function=get_weather>\n"},{"type":"optional","conten"""
            + """t":{"type":"sequence","elements":[{"type":"tag","begin":"<parameter=city>","content":{"type":"any_text"},"end":"</parameter"""
            + """>"},{"type":"const_string","value":"\n"}]}},{"type":"const_string","value":"</function>\n</seed:tool_call>"}]}""");

    [Theory]
    [InlineData("^[a-z]+$", "([a-z]+)")]
    [InlineData("^(?:[01]\\d|2[0-3])$", "(?:[01]\\d|2[0-3])")]
    [InlineData("^(a|b)$", "(a|b)")]
    public void Build_StringParameterWithPattern_IsThatPatternAsAWhole(string pattern, string expected)
    {
        var tool =
            Tool(
                "f", """{"type":"object","properties":{"p":{"type":"string","pattern":"PATTERN"}},"required":["p"]}""".Replace(
                    "PATTERN", pattern.Replace("\\", "\\\\")));
        var tag =
            JsonNode.Parse(Build("seed_oss", "none", new() { Tools = [tool], ToolChoice = OutputToolChoice.Required, AllowMultipleToolCalls = false })
                .ToStructuralTag())!;
        Assert.Equal(expected.Trim('(', ')'), ((string)tag["format"]!["elements"]![1]!["pattern"]!).Trim('(', ')'));
    }

    [Theory]
    [InlineData("^a(?=b)")]
    [InlineData("^a|b$")]
    [InlineData("a\\bc")]
    [InlineData("^*$")]
    [InlineData("^(a$")]
    [InlineData("[0-9]{3}")]
    [InlineData("^[^,]+$")]
    public void Build_PatternThatCompilersDoNotRead_IsAnyText(string pattern)
    {
        var tool =
            Tool(
                "f", """{"type":"object","properties":{"p":{"type":"string","pattern":"PATTERN"}},"required":["p"]}""".Replace(
                    "PATTERN", pattern.Replace("\\", "\\\\")));
        Assert.Contains("any_text", Build("seed_oss", "none", new() { Tools = [tool], ToolChoice = OutputToolChoice.Required }).ToStructuralTag());
    }

    [Fact]
    public void Build_AfterReasoning_IsNeverWrapped()
    {
        var result = Build("hermes", "qwen3", new() { Answer = Schema, PromptTail = "<think>\n", Start = ConstraintStart.AfterReasoning });
        AssertSchemaAlone(result);
        Assert.Equal(CallShape.None, result.CallShape);
    }

    [Fact]
    public void Build_SchemaInsideThought_IsATagWithTheThoughtFirst() => AssertFormat(
        Build("hermes", "deepseek_r1", new() { Answer = Schema, PromptTail = "<think>" }),
        """{"type":"sequence","elements":[{"type":"tag","begin":"","content":{"type":"any_text"},"end":"</think>"},{"type":"json_schema","json_sc"""
            + """hema":SCHEMA,"max_whitespace_cnt":1}]}""");

    [Fact]
    public void Build_SchemaWhereTheModelMayThink_MakesTheThoughtOptional()
    {
        var result = Build("hermes", "qwen3", new() { Answer = Schema, PromptTail = "<|im_start|>assistant\n" });
        var first = JsonNode.Parse(result.ToStructuralTag())!["format"]!["elements"]![0]!;
        Assert.Equal("optional", (string?)first["type"]);
        Assert.Equal("<think>", (string?)first["content"]!["elements"]![0]!["begin"]);
    }

    [Theory]
    [InlineData("<think>\n\n</think>\n\n", null)]
    [InlineData("<|im_start|>assistant\n", false)]
    public void Build_SchemaWithoutThinking_IsTheSchemaAlone(string tail, bool? thinking) =>
        AssertSchemaAlone(Build("hermes", "qwen3", new() { Answer = Schema, PromptTail = tail, Thinking = thinking }));

    [Fact]
    public void Build_AutoWithoutSettings_IsFree()
    {
        Assert.True(Build("hermes", "qwen3", new() { Tools = Weather }).IsFree);
        Assert.True(Build("hermes", "qwen3", new() { Tools = Weather, ToolChoice = OutputToolChoice.None }).IsFree);
    }

    [Fact]
    public void Build_AutoStrict_AllowsTextAndEnforcesOnlyStrictSchemas()
    {
        var result = Build("hermes", "none", new() { Tools = [Weather[0] with { Strict = true }, new OutputTool("now")] });
        var format = JsonNode.Parse(result.ToStructuralTag())!["format"]!;
        Assert.False((bool)format["at_least_one"]!);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Closed), format["tags"]![0]!["content"]!["json_schema"]));
        Assert.True((bool)format["tags"]![1]!["content"]!["json_schema"]!);
    }

    [Fact]
    public void Build_ToolsAndSchema_AllowEither()
    {
        var result = Build("hermes", "none", new() { Tools = Weather, Answer = Schema });
        var format = JsonNode.Parse(result.ToStructuralTag())!["format"]!;
        Assert.Equal("or", (string?)format["type"]);
        Assert.Equal(CallShape.Native, result.CallShape);
    }

    [Fact]
    public void Build_FormatWithoutTag_UsesTheGenericShapes()
    {
        var required =
            Build("none", "none",
                new()
                {
                    Tools = [.. Weather, new OutputTool("now")],
                    ToolChoice = OutputToolChoice.Required,
                    AllowMultipleToolCalls = false,
                    BoundWhiteSpace = false
                });
        Assert.Equal((true, CallShape.JsonArray), (required.IsJson, required.CallShape));
        Assert.True(
            JsonNode.DeepEquals(
                JsonNode.Parse(
                    """{"type":"array","minItems":1,"maxItems":1,"items":{"type":"object","anyOf":[{"properties":{"name":{"type":"string","enum":["get_weather"]},"parameters":CLOSED},"required":["name","parameters"]},{"properties":{"name":{"type":"string","enum":["now"]},"parameters":{"type":"object","properties":{},"additionalProperties":false}},"required":["name","parameters"]}]}}""".Replace("CLOSED", Closed)),
            JsonNode.Parse(required.ToJsonSchema())));
        var named = Build("none", "none", new() { Tools = Weather, ToolChoice = OutputToolChoice.Named("get_weather"), BoundWhiteSpace = false });
        Assert.Equal((Closed, CallShape.NamedArguments), (named.ToJsonSchema(), named.CallShape));
    }

    [Fact]
    public void Build_ConflictingDefinitions_Throw()
    {
        OutputTool Defines(string name, string type) =>
            Tool(name, """{"type":"object","$defs":{"D":{"type":"TYPE"}}}""".Replace("TYPE", type));
        Assert.Throws<OutputFormatException>(
            () => Build(
                "none", "none", new() { Tools = [Defines("a", "string"), Defines("b", "integer")], ToolChoice = OutputToolChoice.Required }));
    }

    [Fact]
    public void Build_UnknownNamedTool_Throws() =>
        Assert.Throws<OutputFormatException>(() => Build("hermes", "none", new() { Tools = Weather, ToolChoice = OutputToolChoice.Named("nope") }));

    [Fact]
    public void Build_RequiredWithoutTools_Throws() =>
        Assert.Contains("no tools",
            Assert.Throws<OutputFormatException>(() => Build("hermes", "none", new() { ToolChoice = OutputToolChoice.Required })).Message);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Build_ChoiceNone_SendsNothingButTheAnswersConstraint(bool strict)
    {
        var tools = Weather.Select(tool => tool with { Strict = strict }).ToArray();
        Assert.True(Build("hermes", "none", new() { Tools = tools, ToolChoice = OutputToolChoice.None }).IsFree);
        var result = Build("hermes", "none", new() { Tools = tools, ToolChoice = OutputToolChoice.None, Answer = Schema });
        AssertSchemaAlone(result);
        Assert.Null(result.Note);
    }

    [Fact]
    public void Build_StrictToolsOfAFormatWithoutTag_SayThatNothingEnforcesThem()
    {
        var result = Build("none", "none", new() { Tools = [Weather[0] with { Strict = true }] });
        Assert.True(result.IsFree);
        Assert.Contains("strict", result.Note);
    }

    [Fact]
    public void Build_ToolsAndSchemaOfAFormatWithoutTag_SayThatNoCallCanCome()
    {
        var result = Build("none", "none", new() { Tools = Weather, Answer = Schema });
        AssertSchemaAlone(result);
        Assert.Contains("does not allow tool calls", result.Note);
    }

    [Fact]
    public void Build_HarmonySchema_HasTheHeaderOnlyWhereTheServerStartsAtTheFirstToken()
    {
        Assert.Contains("<|channel|>final", Build("openai", "openai_gptoss", new() { Answer = Schema }).ToStructuralTag());
        AssertSchemaAlone(Build("openai", "openai_gptoss", new() { Answer = Schema, Start = ConstraintStart.AfterReasoning }));
    }

    [Fact]
    public void Build_ThoughtWithSeveralMarkers_EndsByAnyOfThem()
    {
        var tag =
            JsonNode.Parse(Build("k2_horizon", "k2_horizon", new() { Answer = Schema, PromptTail = "<ifm|think_fast>\n" })
                .ToStructuralTag())!["format"]!["elements"]![0]!;
        Assert.Equal(["</ifm|think>", "</ifm|think_fast>", "</ifm|think_faster>"], tag["end"]!.AsArray().Select(end => (string?)end));
    }

    [Fact]
    public void Of_EveryFormatThatCanBeRead_CanBeWritten() =>
        Assert.Equal(["none"], OutputFormat.ToolParsers.Where(name => FormatGrammar.Of(OutputFormat.FromNames(name, "none")) is null));

    private static OutputTool Tool(string name, string schema) => new(name, JsonElement.Parse(schema));

    private static OutputConstraint Schema => OutputConstraint.JsonSchema(S);

    private static OutputConstraintResult Build(string tools, string reasoning, OutputConstraintRequest request) =>
        OutputConstraints.Build(OutputFormat.FromNames(tools, reasoning), request);

    private static void AssertSchemaAlone(OutputConstraintResult result)
    {
        Assert.True(result.IsJson);
        Assert.Equal(
            S[..^1] + ""","x-guidance":{"whitespace_flexible":false,"item_separator":", ?","key_separator":": ?"}}""", result.ToJsonSchema());
    }

    private static void AssertFormat(OutputConstraintResult result, string format)
    {
        var expected = JsonNode.Parse("{\"type\":\"structural_tag\",\"format\":" + format.Replace("SCHEMA", S).Replace("CLOSED", Closed) + "}");
        Assert.True(JsonNode.DeepEquals(expected, JsonNode.Parse(result.ToStructuralTag())), result.ToStructuralTag());
    }

    private static void AssertLark(OutputConstraintResult result, string expected) =>
        Assert.Equal(expected.ReplaceLineEndings("\n"), result.ToLark());
}
