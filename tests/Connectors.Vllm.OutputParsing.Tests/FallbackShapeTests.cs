namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>
/// What forced calls look like where a format has no grammar, and that every format's parser reads it, whatever the thought's markers.
/// </summary>
public sealed class FallbackShapeTests
{
    private const string Array =
        """[{"name": "get_weather", "parameters": {"city": "Zürich [1] {\"x\"}", "days": 3}}, {"name": "now", "parameters": {}}]""";
    private const string Named = """{"city": "Zürich [1] {\"x\"}", "days": 3}""";

    /// <summary>Formats that write messages or blocks with headers have nothing outside of them; their calls always have a grammar.</summary>
    public static TheoryData<string> Formats =>
        new(FormatProfiles.All.Select(profile => profile.Tools).Distinct().Where(name => name is not ("openai" or "muse_glimmer" or "inkling")));

    [Theory]
    [MemberData(nameof(Formats))]
    public void JsonArray_AfterAThought_IsReadAsCalls(string name)
    {
        var profile = FormatProfiles.All.First(profile => profile.Tools == name);
        AssertLines(profile, CallShape.JsonArray, OutputToolChoice.Required, Array,
            ["""C get_weather {"city": "Zürich [1] {\"x\"}", "days": 3}""", "C now {}"]);
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void NamedArguments_AfterAThought_AreReadAsTheCall(string name)
    {
        var profile = FormatProfiles.All.First(profile => profile.Tools == name);
        AssertLines(profile, CallShape.NamedArguments, OutputToolChoice.Named("get_weather"), Named, [$"C get_weather {Named}"]);
    }

    private static void AssertLines(FormatProfile profile, CallShape shape, OutputToolChoice choice, string calls, string[] expected)
    {
        var format = OutputFormat.FromNames(profile.Tools, profile.Reasoning);
        var whole = profile.Think("plan");
        var head = whole[..whole.IndexOf("plan", StringComparison.Ordinal)];
        (string? Tail, string Output, string[] Lines)[] situations =
        [
            (null, calls, expected),
            (null, whole + calls, ["R plan", .. expected]),
            (head, whole[head.Length..] + calls, ["R plan", .. expected]),
        ];
        foreach (var (tail, output, lines) in situations)
        {
            var options = new OutputParserOptions { Tools = TestTools.All, CallShape = shape, ToolChoice = choice, PromptTail = tail };
            Assert.Equal(lines, OutputCase.Lines(OutputParser.Create(format, options).Parse(output)));

            var parser = OutputParser.Create(format, options);
            var events = new List<OutputEvent>();
            foreach (var character in output)
            {
                parser.Push(character.ToString(), -1, events);
            }

            parser.Finish("stop", events);
            Assert.Equal(lines, OutputCase.Lines(Enumerable.Range(0, events.Count).Select(i => events[i])));
        }
    }
}
