using System.Text.Json.Nodes;

namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>Documents about tool calls as arguments of tool calls: what a value quotes, in whatever way, is content and never runs.</summary>
internal static class NestedCallCases
{
    /// <summary>
    /// For every format: a value that holds whole calls as the format's own template writes them, alone, in text, several, with arguments, and calls
    /// that quote calls themselves; and a value that names the format's markers one by one.
    /// </summary>
    public static IEnumerable<OutputCase> All => FormatProfiles.All.SelectMany(profile =>
    {
        var now = profile.Render([("now", [])]);
        var path = profile.Render([("write", new JsonObject { ["path"] = "q" })]);
        var two = profile.Render([("get_weather", new JsonObject { ["city"] = "Rome", ["days"] = 3 }), ("now", [])]);
        var deep = profile.Render([("write", new JsonObject { ["content"] = $"see {now} there" })]);
        (string Name, string Content)[] values =
        [
            ("a call alone", now), ("a call in text", $"Say {now} so."), ("a call with arguments", $"Say {path} so."), ("two calls",
                $"- {two}\n- {now}\n"),
            ("a call that quotes a call", $"Say {deep} and {now}."),
        ];
        var format = OutputFormat.FromNames(profile.Tools, profile.Reasoning).Tools;
        var named = format.Openers.Concat(format.StrayClosers).Select(marker => marker.Trim()).Where(marker => marker.Length > 1)
            .Select(marker => $"The {marker} tag.");
        return values.Concat(named.Select(text => (text, text))).SelectMany(value => Cases(profile, value.Item1, value.Item2));
    });

    private static IEnumerable<OutputCase> Cases(FormatProfile profile, string name, string content)
    {
        var value = content.Trim('\n');
        JsonObject first = new() { ["content"] = value, ["path"] = "p" }, last = new() { ["path"] = "p", ["content"] = value };
        foreach (var (place, arguments) in new[] { ("first", first), ("last", last) })
        {
            yield return new OutputCase($"{name}, as the {place} value", profile.Render([("write", arguments), ("now", [])]),
                $"C write {FormatProfile.Json(arguments)}", "C now {}") { Tools = profile.Tools, TextOnly = true };
        }
    }
}
