using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.OutputParsing.Tests;

namespace Connectors.Vllm.Oracle.Tests.Constraints;

/// <summary>
/// Every format's structural tags, compiled by xgrammar: they accept what the format's own calls look like, refuse what breaks the rule, and whatever they
/// accept is read back by the parser as the calls it is.
/// </summary>
public sealed class CallTagTests(GrammarOracle oracle) : IClassFixture<GrammarOracle>
{
    private const string Turn = "<|im_end|>\n";
    private const string Inkling = "<|message_model|>";

    private static readonly OutputTool[] Tools =
    [
        TestTools.Tool("get_weather", """
            {"type":"object","$defs":{"Options":{"type":"object","properties":{"metric":{"type":"boolean"},"parts":{"type":"array","items":{"type":"string"}}},"required":["metric"]}},
             "properties":{"city":{"type":"string"},"days":{"type":"integer"},"unit":{"type":"string","enum":["c","f"]},"options":{"$ref":"#/$defs/Options"}},"required":["city"]}
            """),
        new("now"),
        TestTools.Tool("météo_日本", """{"type":"object","properties":{"où":{"type":"string"}},"required":["où"]}"""),
    ];

    private static readonly (string Name, JsonObject Arguments)[] Plain = [("get_weather", new() { ["city"] = "Paris", ["days"] = 3 })];

    private static readonly (string Name, JsonObject Arguments)[] Nested =
    [
        ("get_weather", new() { ["city"] = "Zürich (\"x\") 漢字", ["days"] = -3, ["unit"] = "f", ["options"] = new JsonObject { ["metric"] = true, ["parts"] = new JsonArray("a", "b c") } }),
    ];

    private static readonly (string Name, JsonObject Arguments)[] Empty = [("now", [])];
    private static readonly (string Name, JsonObject Arguments)[] Unicode = [("météo_日本", new() { ["où"] = "ici" })];
    private static readonly (string Name, JsonObject Arguments)[] Unknown = [("nope", new() { ["city"] = "Paris" })];
    private static readonly (string Name, JsonObject Arguments)[] Incomplete = [("get_weather", new() { ["days"] = 3 })];
    private static readonly (string Name, JsonObject Arguments)[] Mistyped = [("get_weather", new() { ["city"] = "Paris", ["unit"] = "kelvin" })];

    public static TheoryData<string> Formats => new(ForcedFormats.All.Select(profile => profile.Tools));

    [Theory]
    [MemberData(nameof(Formats))]
    public void Required_AcceptsEveryDeclaredCallAndNothingElse(string format) => new Scenario(this, format, new() { ToolChoice = OutputToolChoice.Required, Thinking = false })
        .Accepts(Plain).Accepts(Nested).Accepts(Empty).Accepts(Unicode).AcceptsParallel()
        .Refuses(Unknown).Refuses(Incomplete).Refuses(Mistyped).RefusesText()
        .Run();

    [Theory]
    [MemberData(nameof(Formats))]
    public void Required_OneCallOnly_RefusesTheSecond(string format) => new Scenario(this, format, new() { ToolChoice = OutputToolChoice.Required, AllowMultipleToolCalls = false, Thinking = false })
        .Accepts(Plain).Accepts(Empty)
        .RefusesParallel().RefusesText()
        .Run();

    [Theory]
    [MemberData(nameof(Formats))]
    public void Named_AcceptsThatToolOnly(string format) => new Scenario(this, format, new() { ToolChoice = OutputToolChoice.Named("get_weather"), Thinking = false })
        .Accepts(Plain).Accepts(Nested)
        .Refuses(Empty).Refuses(Unicode).Refuses(Incomplete).RefusesText()
        .Run();

    [Theory]
    [MemberData(nameof(Formats))]
    public void NamedTool_WithoutParameters_TakesNone(string format) => new Scenario(this, format, new() { ToolChoice = OutputToolChoice.Named("now"), Thinking = false })
        .Accepts(Empty)
        .Refuses(Plain)
        .Run();

    [Theory]
    [MemberData(nameof(Formats))]
    public void AutoStrict_AcceptsTextAndOnlyWellFormedCalls(string format) => new Scenario(this, format, new() { Thinking = false }, strict: true)
        .AcceptsText().Accepts(Plain).Accepts(Nested).Accepts(Empty).AcceptsParallel()
        .Refuses(Unknown).Refuses(Incomplete)
        .Run();

    [Theory]
    [MemberData(nameof(Formats))]
    public void AutoSingle_LeavesArgumentsOpen(string format) => new Scenario(this, format, new() { AllowMultipleToolCalls = false, Thinking = false })
        .AcceptsText().Accepts(Plain).Accepts(Incomplete)
        .Refuses(Unknown)
        .Run();

    [Theory]
    [MemberData(nameof(Formats))]
    public void Required_ModelMayThink_AcceptsWithAndWithoutAThought(string format) => new Scenario(this, format, new() { ToolChoice = OutputToolChoice.Required, PromptTail = Turn })
        .AcceptsThinking(Plain).Accepts(Plain).Accepts(Empty)
        .RefusesText().RefusesThoughtOnly()
        .Run();

    [Theory]
    [MemberData(nameof(Formats))]
    public void Required_PromptInsideThought_AsksForItsEndFirst(string format) => new Scenario(this, format, new() { ToolChoice = OutputToolChoice.Required })
        .InsideThought()
        .AcceptsThinking(Plain).AcceptsThinking(Nested)
        .RefusesUnthought(Plain).RefusesThoughtOnly()
        .Run();

    [Theory]
    [MemberData(nameof(Formats))]
    public void Required_ServerStartsAfterReasoning_HasNoThought(string format) => new Scenario(this, format, new() { ToolChoice = OutputToolChoice.Required, Start = ConstraintStart.AfterReasoning })
        .InsideThought()
        .AcceptsAfterReasoning(Plain)
        .RefusesThinking(Plain)
        .Run();

    [Theory]
    [MemberData(nameof(Formats))]
    public void SchemaWithTools_AcceptsACallOrTheAnswer(string format) => new Scenario(this, format, new() { Answer = Schema, PromptTail = Turn })
        .AcceptsAnswer("""{"n": 1}""").Accepts(Plain).AcceptsThinking(Plain)
        .RefusesAnswer("""{"n": "x"}""").RefusesText().Refuses(Incomplete)
        .Run();

    [Theory]
    [MemberData(nameof(Formats))]
    public void Schema_WithoutTools_AcceptsTheAnswerOnly(string format) => new Scenario(this, format, new() { Answer = Schema, PromptTail = Turn }, tools: [])
        .AcceptsAnswer("""{"n": 1}""")
        .RefusesAnswer("""{"n": "x"}""").RefusesText()
        .Run();

    private static OutputConstraint Schema => new(OutputConstraintKind.JsonSchema, """{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}""");

    /// <summary>One request in one format, the outputs to try under its constraint, and what the parser must make of those accepted.</summary>
    private sealed class Scenario
    {
        private readonly CallTagTests _tests;
        private readonly FormatProfile _profile;
        private readonly List<(string Output, string? Continued, bool Accepted, string[] Lines)> _tries = [];
        private readonly bool _hasMachine;
        private OutputConstraintRequest _request;
        private string _head = "";

        public Scenario(CallTagTests tests, string format, OutputConstraintRequest request, bool strict = false, OutputTool[]? tools = null)
        {
            _tests = tests;
            _profile = ForcedFormats.All.Single(profile => profile.Tools == format);
            _hasMachine = format is "openai" or "muse_glimmer";
            _request = request with { PromptTail = format == "inkling" ? request.PromptTail + Inkling : request.PromptTail, Tools = [.. (tools ?? Tools).Select(tool => tool with { Strict = strict })] };
        }

        public Scenario Accepts((string Name, JsonObject Arguments)[] calls) => Try(_profile.Render(calls), true, Lines(calls));

        public Scenario AcceptsParallel() => _profile.OneCall ? this : Accepts([.. Plain, .. Empty]);

        public Scenario AcceptsText() => Try(_profile.Say("Hello."), true, ["T Hello."]);

        public Scenario AcceptsAnswer(string json) => Try(Answered(json), true, ["T " + json]);

        public Scenario AcceptsThinking((string Name, JsonObject Arguments)[] calls) => _profile.Reasoning == "none"
            ? this
            : Try(Thought() + _profile.Render(calls), true, ["R plan", .. Lines(calls)]);

        /// <summary>The model's thought is written before the constraint begins.</summary>
        public Scenario AcceptsAfterReasoning((string Name, JsonObject Arguments)[] calls)
        {
            _tries.Add((_profile.Render(calls), Thought(), true, ["R plan", .. Lines(calls)]));
            return this;
        }

        public Scenario Refuses((string Name, JsonObject Arguments)[] calls) => Try(_profile.Render(calls), false);

        public Scenario RefusesParallel() => _profile.OneCall ? this : Refuses([.. Plain, .. Empty]);

        public Scenario RefusesText() => Try(_profile.Say("Hello."), false);

        public Scenario RefusesAnswer(string json) => Try(Answered(json), false);

        // The text that Kimi K3 may write before calls excludes markers, which the oracle cannot express; its tag is compared as text elsewhere.
        public Scenario RefusesThinking((string Name, JsonObject Arguments)[] calls) => _hasMachine || _profile.Tools == "kimi_k3" ? this : Try(Thought() + _profile.Render(calls), false);

        /// <summary>Messages of formats with a machine of their own begin with a header, in which nothing has been thought yet.</summary>
        public Scenario RefusesUnthought((string Name, JsonObject Arguments)[] calls) => _hasMachine ? this : Refuses(calls);

        public Scenario RefusesThoughtOnly() => Try(Thought(), false);

        /// <summary>The prompt's end has opened the thought.</summary>
        public Scenario InsideThought()
        {
            if (!_hasMachine)
            {
                var whole = _profile.Think("plan");
                _head = whole[..whole.IndexOf("plan", StringComparison.Ordinal)];
                _request = _request with { PromptTail = Turn + _head };
            }

            return this;
        }

        public void Run()
        {
            var format = ForcedFormats.Format(_profile);
            var result = OutputConstraints.Build(format, _request);
            Assert.Null(result.Note);
            Assert.Equal(OutputConstraintKind.StructuralTag, result.Constraint!.Kind);
            var accepted = _tests.Ask(result.Constraint, _tries.Select(item => item.Output));
            var failures = new List<string>();
            for (var i = 0; i < _tries.Count; i++)
            {
                var (output, before, isAccepted, lines) = _tries[i];
                if (accepted[i] != isAccepted)
                {
                    failures.Add($"{(isAccepted ? "refused" : "accepted")}: {output}");
                    continue;
                }

                if (isAccepted && !Same(lines, Parse(format, result.CallShape, before + output), out var got))
                {
                    failures.Add($"parsed to {got}: {before + output}");
                }
            }

            Assert.True(failures.Count == 0, $"{string.Join('\n', failures)}\n{result.Constraint.Text}");
        }

        private string Answered(string json) => _profile.Say(json).Replace("<|channel|>final<", "<|channel|>final json<", StringComparison.Ordinal);

        private string Thought()
        {
            var thought = _profile.Think("plan");
            return _head.Length > 0 ? thought[thought.IndexOf("plan", StringComparison.Ordinal)..] : thought;
        }

        private Scenario Try(string output, bool accepted, params string[] lines)
        {
            _tries.Add((output, null, accepted, lines));
            return this;
        }

        private static string[] Lines((string Name, JsonObject Arguments)[] calls) => [.. calls.Select(call => $"C {call.Name} {call.Arguments.ToJsonString()}")];

        private string[] Parse(OutputFormat format, CallShape shape, string output)
        {
            var options = new OutputParserOptions
            {
                Tools = _request.Tools, ToolChoice = _request.ToolChoice, CallShape = shape, PromptTail = _request.PromptTail, AllowMultipleToolCalls = _request.AllowMultipleToolCalls,
            };
            return OutputCase.Lines(OutputParser.Create(format, options).Parse(output));
        }

        private bool Same(string[] expected, string[] actual, out string got)
        {
            got = string.Join(" | ", actual);
            return expected.Length == actual.Length && expected.Zip(actual).All(pair => pair.First == pair.Second || SameCall(pair.First, pair.Second));
        }

        private bool SameCall(string expected, string actual)
        {
            var at = expected.IndexOf('{', StringComparison.Ordinal);
            if (at < 0 || !expected.StartsWith("C ", StringComparison.Ordinal) || !actual.StartsWith(expected[..at], StringComparison.Ordinal))
            {
                return false;
            }

            try
            {
                var arguments = JsonNode.Parse(expected[at..])!.AsObject();
                return JsonNode.DeepEquals(_profile.Untyped ? Strings(arguments) : arguments, JsonNode.Parse(actual[at..]));
            }
            catch (JsonException)
            {
                return false;
            }
        }

        private static JsonObject Strings(JsonObject arguments) =>
            new(arguments.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)(pair.Value!.GetValueKind() == JsonValueKind.String ? pair.Value.DeepClone() : JsonValue.Create(pair.Value.ToJsonString())))));
    }

    private bool[] Ask(OutputConstraint constraint, IEnumerable<string> texts) => oracle.Accepts(constraint, texts);
}
