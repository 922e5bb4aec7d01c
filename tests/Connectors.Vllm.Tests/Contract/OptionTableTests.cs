using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.Contract;

/// <summary>
/// The table of vLLM's parameters and what follows from it: raw keys, the method for names, the warning about unknown ones, docs/options.md.
/// </summary>
public sealed partial class OptionTableTests
{
    private const string Schema = "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}";

    private static readonly Dictionary<string, Action<ChatOptions>> Typed = new()
    {
        ["schema"] = static options => options.ResponseFormat = ChatResponseFormat.ForJsonSchema(JsonElement.Parse(Schema)),
        ["json"] = static options => options.ResponseFormat = ChatResponseFormat.Json,
        ["regex"] = static options => options.OutputRegex = "[a-z]+",
        ["choice"] = static options => options.OutputChoices = ["a", "b"],
        ["grammar"] = static options => options.OutputGrammar = "root ::= \"a\"",
    };

    public static TheoryData<string, string, string> RawConstraints { get; } = new()
    {
        { "guided_json", Schema, "schema" },
        { "json", Schema, "schema" },
        { "structured_outputs", $$"""{"json":{{Schema}}}""", "schema" },
        { "guided_json_object", "true", "json" },
        { "structured_outputs", """{"json_object":true}""", "json" },
        { "guided_regex", "\"[a-z]+\"", "regex" },
        { "structured_outputs", """{"regex":"[a-z]+"}""", "regex" },
        { "guided_choice", """["a","b"]""", "choice" },
        { "structured_outputs", """{"choice":["a","b"]}""", "choice" },
        { "guided_grammar", "\"root ::= \\\"a\\\"\"", "grammar" },
    };

    [Theory]
    [MemberData(nameof(RawConstraints))]
    public async Task RawConstraint_EachForm_SendsWhatTheTypedOneSends(string key, string json, string typed)
    {
        await using var served = await Served.StartAsync();
        served.Server.Reply(typed is "schema" or "json" ? "{}" : "a");
        var options = new ChatOptions();
        Typed[typed](options);
        await served.AskAsync("Hi", options);
        var expected = served.LastSent.ToJson(withId: false);
        await served.AskAsync("Hi");
        Assert.NotEqual(expected, served.LastSent.ToJson(withId: false));

        await served.AskAsync("Hi", new ChatOptions { AdditionalProperties = new() { [key] = JsonElement.Parse(json) } });

        Assert.Equal(expected, served.LastSent.ToJson(withId: false));
    }

    [Fact]
    public async Task UnknownKeys_ManyRequests_AreNamedOnce()
    {
        using var logs = new ListLoggerFactory();
        await using var served = await Served.StartAsync();
        await using var client = new VllmChatClient(Served.OptionsFor(served.Server, served.Protocol), logs);
        var options = new ChatOptions { AdditionalProperties = new() { ["min_pp"] = 0.1, ["extra_body"] = "{}", ["min_p"] = 0.1 } };

        await client.GetResponseAsync("Hi", options, Served.Cancel);
        await client.GetResponseAsync("Hi", options, Served.Cancel);

        var warnings = logs.Entries.Where(entry => entry.Id.Id == 16 && entry.Text.StartsWith("AdditionalProperties", StringComparison.Ordinal))
            .Select(entry => entry.Text).Order(StringComparer.Ordinal).ToList();
        Assert.Collection(warnings, first => Assert.Contains("'extra_body'", first), second => Assert.Contains("'min_pp'", second));
    }

    [Fact]
    public void SetVllmOption_KnownNames_EqualTheProperties()
    {
        var options = new ChatOptions().SetVllmOption("min_p", 0.25).SetVllmOption("stop_token_ids", new[] { 5, 6 })
            .SetVllmOption("guided_choice", new[] { "a" });

        Assert.Equal(0.25f, options.MinP);
        Assert.Equal([5, 6], options.StopTokenIds);
        Assert.Equal(["a"], options.OutputChoices);
        Assert.Null(options.SetVllmOption("min_p", null).MinP);
    }

    [Fact]
    public void SetVllmOption_UnknownNameOrBadValue_IsRefused()
    {
        Assert.Contains("'min_pp'", Assert.Throws<ArgumentException>(() => new ChatOptions().SetVllmOption("min_pp", 1)).Message);
        Assert.Contains("min_p", Assert.ThrowsAny<ArgumentException>(() => new ChatOptions().SetVllmOption("min_p", 2)).Message);
        Assert.Empty(Assert.IsType<ChatOptions>(Try()).AdditionalProperties ?? []);

        static ChatOptions Try()
        {
            var options = new ChatOptions();
            Assert.ThrowsAny<ArgumentException>(() => options.SetVllmOption("n", 0));
            return options;
        }
    }

    [Fact]
    public void Table_NamesAndAliases_AreUnique()
    {
        var names = VllmOptions.All.Select(option => option.Name).ToList();

        Assert.Equal(names.Distinct(), names);
        Assert.Equal(
            typeof(VllmOptions).GetFields().Count(field => field.FieldType.IsAssignableTo(typeof(VllmOption))),
            VllmOptions.All.Count);
    }

    [Fact]
    public void Document_Parameters_AreTheRowsOfTheTable() => Assert.Equal(
        VllmOptions.All.Select(option => $"{option.Name} {Also(option)} {option.Property ?? "–"} "
            + $"{(option.Protocols is null ? "both" : "Inference")} {option.Description}"),
        ParameterRow().Matches(Document()).Select(row =>
            $"{row.Groups["name"]} {row.Groups["also"]} {row.Groups["property"].Value.Trim('`')} "
            + $"{row.Groups["protocols"]} {row.Groups["description"]}"));

    private static string Also(VllmOption option) =>
        option.Aliases.Length == 0 ? "–" : string.Join(", ", option.Aliases.Select(alias => $"`{alias}`"));

    [Fact]
    public void Document_Options_AreTheProperties()
    {
        var keys = KeyRow().Matches(Document()).Select(row => row.Groups["key"].Value).Order(StringComparer.Ordinal);

        Assert.Equal(
            Names(typeof(VllmGrpcOptions), "").Concat(Names(typeof(VllmConnectionOptions), "Connection:"))
                .Concat(Names(typeof(VllmRetryOptions), "Connection:Retry:")).Order(StringComparer.Ordinal),
            keys);

        static IEnumerable<string> Names(Type type, string prefix) => type.GetProperties().Select(property => prefix + property.Name);
    }

    [Fact]
    public void Document_OptionDescriptions_AreThoseOfTheProperties()
    {
        var rows = KeyRow().Matches(Document()).ToDictionary(
            static row => row.Groups["key"].Value,
            static row => Emphasis().Replace(row.Groups["description"].Value.Replace("`", "").Replace("\\|", "|"), "$1"));
        Compare(typeof(VllmGrpcOptions), "");
        Compare(typeof(VllmConnectionOptions), "Connection:");
        Compare(typeof(VllmRetryOptions), "Connection:Retry:");

        void Compare(Type type, string prefix)
        {
            var members = XDocument.Load(Path.ChangeExtension(type.Assembly.Location, ".xml")).Descendants("member")
                .ToDictionary(static member => member.Attribute("name")!.Value);
            Assert.All(type.GetProperties(), property => Assert.Equal(
                Text(members[$"P:{type.FullName}.{property.Name}"].Element("summary")!), rows[prefix + property.Name]));
        }

        static string Text(XElement summary) => WhiteSpace().Replace(string.Concat(summary.Nodes().Select(static node => node switch
        {
            XElement element when element.Attribute("langword") is { } word => word.Value,
            XElement element when element.Attribute("cref") is { } reference => reference.Value.Split('(')[0].Split('.')[^1],
            XElement element => element.Value,
            XText text => text.Value,
            _ => "",
        })), " ").Trim();
    }

    private static string Document() => File.ReadAllText(Path.Combine(TestPaths.RepositoryRoot, "docs", "options.md")).ReplaceLineEndings("\n");

    [GeneratedRegex(@"^\| `(?<name>[a-z_]+)` \| (?<also>[^|]*) \| (?<property>[^|]+) \| [^|]* \| (?<protocols>\w+) \| (?<description>[^|]+) \|$",
        RegexOptions.Multiline)]
    private static partial Regex ParameterRow();

    [GeneratedRegex(@"^\| `(?<key>[A-Z][A-Za-z:]+)` \| [^|]* \| (?<description>.*) \|$", RegexOptions.Multiline)]
    private static partial Regex KeyRow();

    [GeneratedRegex(@"\*(\w+)\*")]
    private static partial Regex Emphasis();

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();
}
