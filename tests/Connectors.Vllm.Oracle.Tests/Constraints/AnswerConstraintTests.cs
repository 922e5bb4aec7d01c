using Connectors.Vllm.Constraints;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.OutputParsing.Tests;

namespace Connectors.Vllm.Oracle.Tests.Constraints;

/// <summary>Constraints on answers, bare and behind a thought, and the generic shapes of forced calls, as xgrammar compiles them.</summary>
public sealed class AnswerConstraintTests(GrammarOracle oracle) : IClassFixture<GrammarOracle>
{
    private const string Inside = "<|im_start|>assistant\n<think>\n";
    private const string MayThink = "<|im_start|>assistant\n";
    private const string Thought = "plan\n</think>\n\n";

    private static readonly OutputTool[] Tools =
    [
        TestTools.Tool(
            "get_weather",
            """{"type":"object","$defs":{"Unit":{"enum":["c","f"]}},"properties":{"city":{"type":"string"},"unit":{"$ref":"#/$defs/Unit"}},"requi"""
                + """red":["city"]}"""),
        new("now"),
    ];

    public static TheoryData<string, string, string> Answers => new()
    {
        { "schema", """{"n": 4}""", """{"n": "4"}""" },
        { "recursive schema", """{"next": {"next": {}}}""", """{"next": 1}""" },
        { "object", """{"any": ["thing", 1]}""", "[1]" },
        { "regex", "AB-12", "ab-12" },
        { "grammar", "yes", "maybe" },
        { "choice", "rouge", "noir" },
        { "tag", "fixed", "free" },
    };

    [Theory]
    [MemberData(nameof(Answers))]
    public void Answer_PromptInsideThought_ComesBehindItsEnd(string kind, string good, string bad) =>
        Assert.Equal(
            [true, false, false, false], oracle.AcceptsTag(Build(kind, Inside).ToStructuralTag(), [Thought + good, Thought + bad, good, Thought]));

    [Theory]
    [MemberData(nameof(Answers))]
    public void Answer_ModelMayThink_ComesWithOrWithoutAThought(string kind, string good, string bad) =>
        Assert.Equal([true, true, false, false],
            oracle.AcceptsTag(Build(kind, MayThink).ToStructuralTag(), [good, "<think>\n" + Thought + good, bad, "<think>\n" + Thought + bad]));

    [Theory]
    [MemberData(nameof(Answers))]
    public void Answer_ServerStartsAfterReasoning_IsTheAnswerAlone(string kind, string good, string bad)
    {
        var result = Build(kind, Inside, ConstraintStart.AfterReasoning);
        var isJson = kind is "schema" or "recursive schema" or "object";
        Assert.Equal((isJson, !isJson), (result.IsJson, result.IsAnswer));
        Assert.Equal([true, false], oracle.AcceptsTag(result.ToStructuralTag(), [good, bad]));
    }

    [Fact]
    public void GenericCalls_Required_AreAnArrayOfDeclaredCalls()
    {
        const string Weather = """{"name": "get_weather", "parameters": {"city": "Paris", "unit": "c"}}""";
        const string Now = """{"name": "now", "parameters": {}}""";
        var many = Generic(new() { Tools = Tools, ToolChoice = OutputToolChoice.Required });
        Assert.Equal(
            [true, true, false, false, false, false, false],
            oracle.AcceptsTag(
                many, [$"[{Weather}]", $"[{Now}, {Weather}]", "[]", "text", Weather, "[{\"name\": \"nope\", \"parameters\": {}}]",
                    "[{\"name\": \"get_weather\", \"parameters\": {\"unit\": \"c\"}}]"]));
        var one = Generic(new() { Tools = Tools, ToolChoice = OutputToolChoice.Required, AllowMultipleToolCalls = false });
        Assert.Equal([true, false], oracle.AcceptsTag(one, [$"[{Weather}]", $"[{Weather}, {Now}]"]));
    }

    /// <summary>Formats whose nested values are spelled out place by place, with a schema that refers to itself in three places.</summary>
    [Theory]
    [InlineData(
        "gemma4",
        "<|tool_call>call:plant{name:<|\"|>oak<|\"|>,left:{name:<|\"|>a<|\"|>,tags:[1,null,<|\"|>x<|\"|>]},free:{k:[true,{a:<|\"|>b<|\"|>}]}}<tool_"
            + "call|>", "<|tool_call>call:plant{left:{}}<tool_call|>")]
    [InlineData(
        "minimax_m3",
        "]<]minimax[>[<tool_call>]<]minimax[>[<invoke name=\"plant\">]<]minimax[>[<name>oak]<]minimax[>[</name>]<]minimax[>[<left>]<]minimax[>[<nam"
            + "e>a]<]minimax[>[</name>]<]minimax[>[</left>]<]minimax[>[</invoke>]<]minimax[>[</tool_call>",
        "]<]minimax[>[<tool_call>]<]minimax[>[<invoke name=\"plant\">]<]minimax[>[<left>]<]minimax[>[</left>]<]minimax[>[</invoke>]<]minimax[>[</to"
            + "ol_call>")]
    public void NestedArguments_RecursiveSchema_AreSpelledOutToABound(string format, string good, string bad)
    {
        var tool = TestTools.Tool("plant", """
            {"$ref":"#/$defs/Tree","$defs":{"Tree":{"type":"object","properties":{"name":{"type":"string"},"left":{"$ref":"#/$defs/Tree"},
             "right":{"$ref":"#/$defs/Tree"},
             "others":{"type":"array","items":{"$ref":"#/$defs/Tree"}},"tags":{"type":"array","items":{"type":["integer","null","string"]}},
              "free":{}},"required":["name"]}}}
            """);
        var constraint = OutputConstraints.Build(
            OutputFormat.FromNames(format, "none"), new() { Tools = [tool], ToolChoice = OutputToolChoice.Required }).ToStructuralTag();
        Assert.InRange(constraint.Length, 1, 1_000_000);
        Assert.Equal([true, false, false], oracle.AcceptsTag(constraint, [good, bad, "text"]));
    }

    [Fact]
    public void GenericCalls_Named_AreTheArgumentsOfThatTool()
    {
        var named = Generic(new() { Tools = Tools, ToolChoice = OutputToolChoice.Named("get_weather") });
        Assert.Equal([true, false, false], oracle.AcceptsTag(named, ["{\"city\": \"Paris\"}", "{\"unit\": \"c\"}", "text"]));
        Assert.Equal([true, false],
            oracle.AcceptsTag(Generic(new() { Tools = Tools, ToolChoice = OutputToolChoice.Named("now") }), ["{}", "{\"city\": \"Paris\"}"]));
    }

    private static string Generic(OutputConstraintRequest request) =>
        OutputConstraints.Build(OutputFormat.FromNames("none", "none"), request).ToStructuralTag();

    private static OutputConstraintResult Build(string kind, string tail, ConstraintStart start = ConstraintStart.FirstToken) =>
        OutputConstraints.Build(
        OutputFormat.FromNames("hermes", "qwen3"),
        new()
        {
            Answer = kind switch
            {
                "schema" => OutputConstraint.JsonSchema("""{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}"""),
                "recursive schema" =>
                    OutputConstraint.JsonSchema(
                        """{"$defs":{"Node":{"type":"object","properties":{"next":{"$ref":"#/$defs/Node"}}}},"$ref":"#/$defs/Node"}"""),
                "object" => OutputConstraint.JsonObject(),
                "regex" => OutputConstraint.Regex("[A-Z]{2}-[0-9]+"),
                "grammar" => OutputConstraint.Grammar("root ::= \"yes\" | \"no\""),
                "choice" => OutputConstraint.Choice(["rouge", "vert \"foncé\""]),
                _ => OutputConstraint.StructuralTag("""{"type":"structural_tag","format":{"type":"const_string","value":"fixed"}}"""),
            },
            PromptTail = tail,
            Start = start,
        });
}
