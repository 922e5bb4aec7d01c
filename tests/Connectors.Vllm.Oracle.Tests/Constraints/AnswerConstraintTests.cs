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
