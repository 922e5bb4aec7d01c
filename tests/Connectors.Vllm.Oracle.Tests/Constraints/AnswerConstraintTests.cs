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
        TestTools.Tool("get_weather", """{"type":"object","$defs":{"Unit":{"enum":["c","f"]}},"properties":{"city":{"type":"string"},"unit":{"$ref":"#/$defs/Unit"}},"required":["city"]}"""),
        new("now"),
    ];

    public static TheoryData<OutputConstraintKind, string, string, string> Answers => new()
    {
        { OutputConstraintKind.JsonSchema, """{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}""", """{"n": 4}""", """{"n": "4"}""" },
        { OutputConstraintKind.JsonSchema, """{"$defs":{"Node":{"type":"object","properties":{"next":{"$ref":"#/$defs/Node"}}}},"$ref":"#/$defs/Node"}""", """{"next": {"next": {}}}""", """{"next": 1}""" },
        { OutputConstraintKind.JsonObject, "", """{"any": ["thing", 1]}""", "[1]" },
        { OutputConstraintKind.Regex, "[A-Z]{2}-[0-9]+", "AB-12", "ab-12" },
        { OutputConstraintKind.Grammar, "root ::= \"yes\" | \"no\"", "yes", "maybe" },
        { OutputConstraintKind.Choice, "", "rouge", "noir" },
        { OutputConstraintKind.StructuralTag, """{"type":"structural_tag","format":{"type":"const_string","value":"fixed"}}""", "fixed", "free" },
    };

    [Theory]
    [MemberData(nameof(Answers))]
    public void Answer_PromptInsideThought_ComesBehindItsEnd(OutputConstraintKind kind, string text, string good, string bad)
    {
        var constraint = Build(kind, text, Inside).Constraint!;
        Assert.Equal([true, false, false, false], oracle.Accepts(constraint, [Thought + good, Thought + bad, good, Thought]));
    }

    [Theory]
    [MemberData(nameof(Answers))]
    public void Answer_ModelMayThink_ComesWithOrWithoutAThought(OutputConstraintKind kind, string text, string good, string bad)
    {
        var constraint = Build(kind, text, MayThink).Constraint!;
        Assert.Equal([true, true, false, false], oracle.Accepts(constraint, [good, "<think>\n" + Thought + good, bad, "<think>\n" + Thought + bad]));
    }

    [Theory]
    [MemberData(nameof(Answers))]
    public void Answer_ServerStartsAfterReasoning_IsTheCallersOwn(OutputConstraintKind kind, string text, string good, string bad)
    {
        var constraint = Build(kind, text, Inside, ConstraintStart.AfterReasoning).Constraint!;
        Assert.Equal((kind, text), (constraint.Kind, constraint.Text));
        if (kind is not (OutputConstraintKind.JsonObject or OutputConstraintKind.Choice))
        {
            Assert.Equal([true, false], oracle.Accepts(constraint, [good, bad]));
        }
    }

    [Fact]
    public void GenericCalls_Required_AreAnArrayOfDeclaredCalls()
    {
        const string Weather = """{"name": "get_weather", "parameters": {"city": "Paris", "unit": "c"}}""";
        const string Now = """{"name": "now", "parameters": {}}""";
        var many = Generic(new() { Tools = Tools, ToolChoice = OutputToolChoice.Required });
        Assert.Equal(
            [true, true, false, false, false, false, false],
            oracle.Accepts(many, [$"[{Weather}]", $"[{Now}, {Weather}]", "[]", "text", Weather, "[{\"name\": \"nope\", \"parameters\": {}}]", "[{\"name\": \"get_weather\", \"parameters\": {\"unit\": \"c\"}}]"]));
        var one = Generic(new() { Tools = Tools, ToolChoice = OutputToolChoice.Required, AllowMultipleToolCalls = false });
        Assert.Equal([true, false], oracle.Accepts(one, [$"[{Weather}]", $"[{Weather}, {Now}]"]));
    }

    /// <summary>Formats whose nested values are spelled out place by place, with a schema that refers to itself in three places.</summary>
    [Theory]
    [InlineData("gemma4", "<|tool_call>call:plant{name:<|\"|>oak<|\"|>,left:{name:<|\"|>a<|\"|>,tags:[1,null,<|\"|>x<|\"|>]},free:{k:[true,{a:<|\"|>b<|\"|>}]}}<tool_call|>", "<|tool_call>call:plant{left:{}}<tool_call|>")]
    [InlineData("minimax_m3", "]<]minimax[>[<tool_call>]<]minimax[>[<invoke name=\"plant\">]<]minimax[>[<name>oak]<]minimax[>[</name>]<]minimax[>[<left>]<]minimax[>[<name>a]<]minimax[>[</name>]<]minimax[>[</left>]<]minimax[>[</invoke>]<]minimax[>[</tool_call>",
        "]<]minimax[>[<tool_call>]<]minimax[>[<invoke name=\"plant\">]<]minimax[>[<left>]<]minimax[>[</left>]<]minimax[>[</invoke>]<]minimax[>[</tool_call>")]
    public void NestedArguments_RecursiveSchema_AreSpelledOutToABound(string format, string good, string bad)
    {
        var tool = TestTools.Tool("plant", """
            {"$ref":"#/$defs/Tree","$defs":{"Tree":{"type":"object","properties":{"name":{"type":"string"},"left":{"$ref":"#/$defs/Tree"},"right":{"$ref":"#/$defs/Tree"},
             "others":{"type":"array","items":{"$ref":"#/$defs/Tree"}},"tags":{"type":"array","items":{"type":["integer","null","string"]}},"free":{}},"required":["name"]}}}
            """);
        var constraint = OutputConstraints.Build(OutputFormats.FromNames(format, "none"), new() { Tools = [tool], ToolChoice = OutputToolChoice.Required }).Constraint!;
        Assert.InRange(constraint.Text.Length, 1, 1_000_000);
        Assert.Equal([true, false, false], oracle.Accepts(constraint, [good, bad, "text"]));
    }

    [Fact]
    public void GenericCalls_Named_AreTheArgumentsOfThatTool()
    {
        var named = Generic(new() { Tools = Tools, ToolChoice = OutputToolChoice.Named("get_weather") });
        Assert.Equal([true, false, false], oracle.Accepts(named, ["{\"city\": \"Paris\"}", "{\"unit\": \"c\"}", "text"]));
        Assert.Equal([true, false], oracle.Accepts(Generic(new() { Tools = Tools, ToolChoice = OutputToolChoice.Named("now") }), ["{}", "{\"city\": \"Paris\"}"]));
    }

    private static OutputConstraint Generic(OutputConstraintRequest request) => OutputConstraints.Build(OutputFormats.FromNames("pythonic", "none"), request).Constraint!;

    private static OutputConstraintResult Build(OutputConstraintKind kind, string text, string tail, ConstraintStart start = ConstraintStart.FirstToken) => OutputConstraints.Build(
        OutputFormats.FromNames("hermes", "qwen3"),
        new() { Answer = new OutputConstraint(kind, text) { Choices = kind == OutputConstraintKind.Choice ? ["rouge", "vert \"foncé\""] : [] }, PromptTail = tail, Start = start });
}
