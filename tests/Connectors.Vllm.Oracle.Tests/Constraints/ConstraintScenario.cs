using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.Constraints;
using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.OutputParsing.Tests;

namespace Connectors.Vllm.Oracle.Tests.Constraints;

/// <summary>An output to try under a constraint.</summary>
/// <param name="Output">What the model writes under the constraint.</param>
/// <param name="Before">What it wrote before the constraint began.</param>
/// <param name="IsAccepted">Whether the constraint must allow it.</param>
/// <param name="Lines">What the parser must make of it when it is allowed.</param>
public sealed record ConstraintTry(string Output, string? Before, bool IsAccepted, string[] Lines);

/// <summary>One request in one format, and the outputs to try under its constraint.</summary>
public sealed class ConstraintScenario
{
    private const string Turn = "<|im_end|>\n";
    private const string InklingHead = "<|message_model|>";

    private static readonly OutputTool[] Declared =
    [
        TestTools.Tool("get_weather", """
            {"type":"object","$defs":{"Options":{"type":"object","properties":{"metric":{"type":"boolean"},"parts":{"type":"array","items":{"type":"string"}}},"required":["metric"]}},
             "properties":{"city":{"type":"string","description":"a \"quoted\" name"},"days":{"type":"integer"},"unit":{"type":"string","enum":["c","f"]},"options":{"$ref":"#/$defs/Options"}},"required":["city"]}
            """),
        new("now"),
        TestTools.Tool("météo_日本", """{"type":"object","properties":{"où":{"type":"string"}},"required":["où"]}"""),
        TestTools.Tool("plan-trip", """
            {"type":"object","properties":{
              "stops":{"type":"array","items":{"type":"object","properties":{"place":{"type":"string"},"nights":{"type":["integer","null"]}},"required":["place"],"additionalProperties":false}},
              "mode":{"enum":["train","car"]},"note":{"anyOf":[{"type":"string"},{"type":"null"}]},"cost":{"type":["number","null"]}},"required":["stops","mode"]}
            """),
    ];

    private readonly FormatProfile _profile;
    private readonly List<ConstraintTry> _tries = [];
    private readonly bool _hasMachine;
    private string _head = "";

    internal ConstraintScenario(string format, OutputConstraintRequest request, bool strict = false, bool hasTools = true)
    {
        _profile = ForcedFormats.All.Single(profile => profile.Tools == format);
        _hasMachine = format is "openai" or "muse_glimmer";
        Format = ForcedFormats.Format(_profile);
        Request = request with
        {
            PromptTail = format == "inkling" ? request.PromptTail + InklingHead : request.PromptTail,
            Tools = hasTools ? [.. Declared.Select(tool => tool with { Strict = strict })] : [],
        };
    }

    public OutputFormat Format { get; }

    internal OutputConstraintRequest Request { get; private set; }

    public IReadOnlyList<ConstraintTry> Tries => _tries;

    internal OutputConstraintResult Build() => OutputConstraints.Build(Format, Request);

    public ConstraintScenario AcceptsEveryCall() => Accepts(Plain).Accepts(Nested).Accepts(Empty).Accepts(Unicode).Accepts(Trip);

    public ConstraintScenario Accepts((string Name, JsonObject Arguments)[] calls) => Try(_profile.Render(calls), true, Lines(calls));

    public ConstraintScenario AcceptsParallel() => _profile.OneCall ? this : Accepts([.. Plain, .. Empty]);

    public ConstraintScenario AcceptsText() => Try(_profile.Say("Hello."), true, ["T Hello."]);

    public ConstraintScenario AcceptsAnswer(string json) => Try(Answered(json), true, ["T " + json]);

    public ConstraintScenario AcceptsThinking((string Name, JsonObject Arguments)[] calls) => _profile.Reasoning == "none"
        ? this
        : Try(Thought() + _profile.Render(calls), true, ["R plan", .. Lines(calls)]);

    /// <summary>The model's thought is written before the constraint begins.</summary>
    public ConstraintScenario AcceptsAfterReasoning((string Name, JsonObject Arguments)[] calls)
    {
        _tries.Add(new ConstraintTry(_profile.Render(calls), Thought(), true, ["R plan", .. Lines(calls)]));
        return this;
    }

    public ConstraintScenario Refuses((string Name, JsonObject Arguments)[] calls) => Try(_profile.Render(calls), false);

    public ConstraintScenario RefusesBrokenCalls() => Refuses(Unknown).Refuses(Incomplete).Refuses(Mistyped);

    public ConstraintScenario RefusesParallel() => _profile.OneCall ? this : Refuses([.. Plain, .. Empty]);

    public ConstraintScenario RefusesText() => Try(_profile.Say("Hello."), false);

    public ConstraintScenario RefusesTextBehind((string Name, JsonObject Arguments)[] calls) => Try(_profile.Render(calls) + " Done.", false);

    public ConstraintScenario RefusesAnswer(string json) => Try(Answered(json), false);

    public ConstraintScenario RefusesThinking((string Name, JsonObject Arguments)[] calls) => _hasMachine
        ? this
        : Try(Thought() + _profile.Render(calls), false);

    /// <summary>
    /// Messages of formats with a machine of their own begin with a header, in which nothing has been thought yet; and the response that comes before
    /// Kimi K3's calls ends a thought.
    /// </summary>
    public ConstraintScenario RefusesUnthought((string Name, JsonObject Arguments)[] calls) =>
        _hasMachine || _profile.Tools == "kimi_k3" ? this : Refuses(calls);

    public ConstraintScenario RefusesThoughtOnly() => Try(Thought(), false);

    /// <summary>The prompt's end has opened the thought.</summary>
    public ConstraintScenario InsideReasoning()
    {
        if (!_hasMachine)
        {
            var whole = _profile.Think("plan");
            _head = whole[..whole.IndexOf("plan", StringComparison.Ordinal)];
            Request = Request with { PromptTail = Turn + _head };
        }

        return this;
    }

    /// <summary>What differs between what the parser must make of an accepted output and what it makes of it; null when nothing does.</summary>
    internal string? ParserProblem(ConstraintTry item, CallShape shape)
    {
        var options = new OutputParserOptions
        {
            Tools = Request.Tools,
            ToolChoice = Request.ToolChoice,
            CallShape = shape,
            PromptTail = Request.PromptTail,
            AllowMultipleToolCalls = Request.AllowMultipleToolCalls,
        };
        var actual = OutputCase.Lines(OutputParser.Create(Format, options).Parse(item.Before + item.Output));
        var same = item.Lines.Length == actual.Length
            && item.Lines.Zip(actual).All(pair => pair.First == pair.Second || SameCall(pair.First, pair.Second));
        return same ? null : $"parsed to {string.Join(" | ", actual)}: {item.Before}{item.Output}";
    }

    internal static readonly (string Name, JsonObject Arguments)[] Plain = [("get_weather", new() { ["city"] = "Paris", ["days"] = 3 })];

    internal static readonly (string Name, JsonObject Arguments)[] Nested =
    [
        ("get_weather",
            new() { ["city"] = "Zürich (\"x\") 漢字", ["days"] = -3, ["unit"] = "f",
                ["options"] = new JsonObject { ["metric"] = true, ["parts"] = new JsonArray("a", "b c") } }),
    ];

    internal static readonly (string Name, JsonObject Arguments)[] Empty = [("now", [])];

    internal static readonly (string Name, JsonObject Arguments)[] Unicode = [("météo_日本", new() { ["où"] = "l'été \"ici\"" })];

    private static readonly (string Name, JsonObject Arguments)[] Trip =
    [
        ("plan-trip", new()
        {
            ["stops"] = new JsonArray(new JsonObject { ["place"] = "Ulm", ["nights"] = 2 }, new JsonObject { ["place"] = "Bern", ["nights"] = null }),
            ["mode"] = "train", ["note"] = "why not", ["cost"] = 12.5,
        }),
    ];

    private static readonly (string Name, JsonObject Arguments)[] Unknown = [("nope", new() { ["city"] = "Paris" })];

    internal static readonly (string Name, JsonObject Arguments)[] Incomplete = [("get_weather", new() { ["days"] = 3 })];

    private static readonly (string Name, JsonObject Arguments)[] Mistyped = [("get_weather", new() { ["city"] = "Paris", ["unit"] = "kelvin" })];

    private string Answered(string json) => _profile.Say(json).Replace("<|channel|>final<", "<|channel|>final json<", StringComparison.Ordinal);

    private string Thought()
    {
        var thought = _profile.Think("plan");
        return _head.Length > 0 ? thought[thought.IndexOf("plan", StringComparison.Ordinal)..] : thought;
    }

    private ConstraintScenario Try(string output, bool accepted, params string[] lines)
    {
        _tries.Add(new ConstraintTry(output, null, accepted, lines));
        return this;
    }

    private static string[] Lines((string Name, JsonObject Arguments)[] calls) =>
        [.. calls.Select(call => $"C {call.Name} {call.Arguments.ToJsonString(FormatProfile.Relaxed)}")];

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
        new(arguments.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)FormatProfile.Raw(pair.Value))));
}
