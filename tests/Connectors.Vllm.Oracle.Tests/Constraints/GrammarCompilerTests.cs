using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Connectors.Vllm.Constraints;
using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.OutputParsing.Tests;

namespace Connectors.Vllm.Oracle.Tests.Constraints;

/// <summary>
/// The constraints of every format and mode in both languages, through the grammar compilers that servers run. They are not on every machine:
/// <see cref="Variable"/> names a script that takes a file of cases (and a tokenizer.json), prints what differs and returns 0 when nothing does.
/// </summary>
public sealed class GrammarCompilerTests
{
    private const string Variable = "VLLM_TEST_GRAMMARS";

    /// <summary>Names a file to write the cases to, for runs by hand.</summary>
    private const string FileVariable = "VLLM_TEST_GRAMMAR_CASES";

    /// <summary>Tools of one constraint: more than one for a choice; few, because the cost of trying a text grows with the grammar.</summary>
    private const int ToolsAtOnce = 2;

    [Fact]
    public Task Constraints_EveryNameModeAndLanguage_DoWhatTheyMustInBothCompilers() => RunAsync(Cases(null), null);

    [Fact]
    public Task ToolSchemas_EveryFormat_AllowTheirArgumentsAndNoOthers() => RunAsync(SchemaCases(), null);

    /// <summary>In most models the markers are special tokens, which no literal of a Lark grammar matches.</summary>
    [Fact]
    public async Task LarkGrammars_MarkersAreSpecialTokens_NameThemByTheirIds()
    {
        var folder = Directory.CreateTempSubdirectory("grammar-tokenizer").FullName;
        try
        {
            var tokenizer = Path.Combine(folder, "tokenizer.json");
            await File.WriteAllTextAsync(tokenizer, SpecialVocabulary.TokenizerJson, TestContext.Current.CancellationToken);
            await RunAsync(Cases(SpecialVocabulary.Tokens).Where(line => (string?)line["kind"] == "grammar"), tokenizer);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static IEnumerable<JsonObject> Cases(IReadOnlyDictionary<int, string>? specials)
    {
        foreach (var name in OutputFormat.ToolParsers)
        {
            var id = OutputFormat.FromNames(name, "none").ToolParser;
            foreach (var (mode, make) in ConstraintScenarios.All)
            {
                if (ForcedFormats.All.Any(profile => profile.Tools == id))
                {
                    foreach (var line in Lines($"{name}, {mode}", make(id), specials))
                    {
                        yield return line;
                    }
                }
            }
        }

        foreach (var line in GenericShapes())
        {
            yield return line;
        }
    }

    private static IEnumerable<JsonObject> SchemaCases()
    {
        foreach (var profile in ForcedFormats.All)
        {
            foreach (var schemas in ToolSchemas.All.Chunk(ToolsAtOnce))
            {
                var request = new OutputConstraintRequest { Tools = [.. schemas.Select(schema => schema.Tool)], ToolChoice =
                    OutputToolChoice.Required, Thinking = false };
                var result = OutputConstraints.Build(ForcedFormats.Format(profile), request);
                var good = schemas.Where(schema => ToolSchemas.CanBeWritten(profile.Tools, schema))
                    .SelectMany(schema => Written(profile, schema, schema.Good)).ToArray();
                var bad = schemas.Where(schema => ToolSchemas.CanBeRefused(profile.Tools, schema))
                    .SelectMany(schema => Written(profile, schema, schema.Bad)).ToArray();
                var name = $"{profile.Tools}, {schemas[0].Tool.Name} to {schemas[^1].Tool.Name}";
                yield return Line(name, "xgrammar", "structural_tag", result.ToStructuralTag(), good, bad);
                yield return Line(name, "guidance", "grammar", result.ToLark(), good, bad);
            }
        }
    }

    private static IEnumerable<string> Written(FormatProfile profile, ToolSchemaCase schema, string[] arguments) =>
        arguments.Select(json => profile.Render([(schema.Tool.Name, JsonNode.Parse(json)!.AsObject())]));

    private static IEnumerable<JsonObject> Lines(string name, ConstraintScenario scenario, IReadOnlyDictionary<int, string>? specials)
    {
        var result = OutputConstraints.Build(scenario.Format, scenario.Request with { SpecialTokens = specials });
        var accept = scenario.Tries.Where(item => item.IsAccepted).Select(item => item.Output).ToArray();
        var reject = scenario.Tries.Where(item => !item.IsAccepted).Select(item => item.Output).ToArray();
        if (specials is null)
        {
            yield return Line(name, "xgrammar", "structural_tag", result.ToStructuralTag(), accept, reject);
        }

        if (result.IsJson)
        {
            yield return Line(name, "guidance", "json", result.ToJsonSchema(), accept, reject);
            yield break;
        }

        if (scenario.Format.ToolParser == "llama3_json" && scenario.Request is { Answer: not null, Tools.Count: > 0 })
        {
            // Its calls begin as the answer does.
            Assert.Contains("begins like JSON", Assert.Throws<OutputFormatException>(result.ToLark).Message);
            yield break;
        }

        var lark = result.ToLark();
        yield return Line(name, "guidance", "grammar", lark, accept, reject);

        // What xgrammar makes of white space in Lark has no bound, and it can be tried without special tokens only.
        yield return specials is null
            ? Line(name, "xgrammar", "grammar", lark, accept, [.. reject.Where(text => !text.Contains("\n\n\n", StringComparison.Ordinal))])
            : Line(name, "xgrammar", "grammar", lark, [], []);
    }

    /// <summary>Formats without a grammar of their own: forced calls are JSON.</summary>
    private static IEnumerable<JsonObject> GenericShapes()
    {
        OutputTool[] tools =
            [TestTools.Tool("get_weather", """{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"""), new("now")];
        const string Call = """{"name": "get_weather", "parameters": {"city": "Paris"}}""";
        const string Now = """{"name": "now", "parameters": {}}""";
        foreach (var name in OutputFormat.ToolParsers.Where(name => name != "none" && FormatGrammar.Of(OutputFormat.FromNames(name, "none")) is null))
        {
            var format = OutputFormat.FromNames(name, "none");
            (string Mode, OutputConstraintRequest Request, string[] Accept, string[] Reject)[] modes =
            [
                ("required", new() { Tools = tools, ToolChoice = OutputToolChoice.Required }, [$"[{Call}]", $"[{Call}, {Now}]"],
                    ["[]", Call, "text", $"[{Call}] text", "[{\"name\": \"nope\", \"parameters\": {}}]",
                        "[{\"name\": \"get_weather\", \"parameters\": {}}]"]),
                ("required, one call", new() { Tools = tools, ToolChoice = OutputToolChoice.Required, AllowMultipleToolCalls = false }, [$"[{Call}]"],
                    [$"[{Call}, {Now}]"]),
                ("named", new() { Tools = tools, ToolChoice = OutputToolChoice.Named("get_weather") }, ["{\"city\": \"Paris\"}"],
                    ["{}", "text", "{\"city\": \"Paris\"} text"]),
            ];
            foreach (var (mode, request, accept, reject) in modes)
            {
                var result = OutputConstraints.Build(format, request);
                yield return Line($"{name}, {mode}", "xgrammar", "structural_tag", result.ToStructuralTag(), accept, reject);
                yield return Line($"{name}, {mode}", "guidance", "json", result.ToJsonSchema(), accept, reject);
            }
        }
    }

    private static JsonObject Line(string name, string backend, string kind, string value, string[] accept, string[] reject) => new()
    {
        ["name"] = name,
        ["backend"] = backend,
        ["kind"] = kind,
        ["value"] = value,
        ["accept"] = new JsonArray([.. accept.Select(text => JsonValue.Create(text))]),
        ["reject"] = new JsonArray([.. reject.Select(text => JsonValue.Create(text))]),
    };

    private static string Tried(JsonObject line) => string.Join('\n', line.Where(part => part.Key != "name").Select(part => part.Value!.ToJsonString()));

    private static async Task RunAsync(IEnumerable<JsonObject> cases, string? tokenizer)
    {
        // Several parser names stand for one format: what is the same in all but the name is compiled once.
        var lines = cases.DistinctBy(Tried).Select(line => line.ToJsonString(FormatProfile.Relaxed)).ToList();
        if (Environment.GetEnvironmentVariable(FileVariable) is { Length: > 0 } wanted)
        {
            await File.WriteAllLinesAsync(tokenizer is null ? wanted : wanted + ".special", lines, TestContext.Current.CancellationToken);
        }

        var script = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipWhen(string.IsNullOrEmpty(script), $"{Variable} names no script that runs the grammar compilers");
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllLinesAsync(file, lines, new UTF8Encoding(false), TestContext.Current.CancellationToken);
            var start = new ProcessStartInfo(script, tokenizer is null ? [file] : [file, tokenizer])
            { RedirectStandardOutput = true, RedirectStandardError = true };
            using var process = Process.Start(start)!;
            var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(process.ExitCode == 0, $"{(output.Length > 20_000 ? output[..20_000] + "…" : output)}\n{await error}");
            Assert.Contains($"{lines.Count} passed, 0 failed", output);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
