using System.Text.Json;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>How a format's own template writes calls and thoughts, so that the same situations are tested for every format.</summary>
public sealed record FormatProfile(string Tools, string Reasoning, Func<IReadOnlyList<(string Name, JsonObject Arguments)>, string> Render)
{
    /// <summary>Text that ends a call, tried inside strings; null where the format has no way to tell.</summary>
    public string? Closer { get; init; }

    /// <summary>Text that begins a call, tried inside strings.</summary>
    public string? Opener { get; init; }

    /// <summary>How a thought is written before an answer.</summary>
    public Func<string, string> Think { get; init; } = thought => $"<think>\n{thought}\n</think>\n\n";

    /// <summary>How visible text is written.</summary>
    public Func<string, string> Say { get; init; } = text => text;

    /// <summary>True: a call is only one as the beginning of the answer.</summary>
    public bool OnlyAtStart { get; init; }

    /// <summary>True: only one call an output.</summary>
    public bool OneCall { get; init; }

    /// <summary>True: unknown tools are text.</summary>
    public bool OnlyDeclared { get; init; }

    /// <summary>True: all values are strings.</summary>
    public bool Untyped { get; init; }

    public IEnumerable<OutputCase> Cases()
    {
        OutputCase Case(string name, string output, params string[] expected) =>
            new(name, output, expected) { Tools = Tools, Reasoning = Reasoning };
        string C(string name, JsonObject arguments) => $"C {name} {(Untyped ? Strings(arguments) : arguments).ToJsonString(Relaxed)}";

        var singles = new (string Name, string Tool, JsonObject Arguments)[]
        {
            ("plain", "get_weather", new() { ["city"] = "Paris", ["days"] = 3 }),
            ("no arguments", "now", []),
            ("unicode", "get_weather", new() { ["city"] = "Zürich 漢字 😀 é" }),
            ("quotes and backslashes", "write", new() { ["path"] = "C:\\dir\\\"x\".txt" }),
            ("lines and indentation", "write", new() { ["path"] = "a.py", ["content"] = "def f():\n    if x:\n        return 1" }),
            ("CRLF in a value", "write", new() { ["content"] = "a\r\nb" }),
            ("nested", "get_weather",
                new() { ["city"] = "X", ["opts"] = new JsonObject { ["a"] = new JsonArray(1, true, "b"), ["c"] = new JsonObject { ["d"] = "e" } } }),
            ("array", "get_weather", new() { ["city"] = "X", ["tags"] = new JsonArray("a", "b") }),
            ("string like a number", "get_weather", new() { ["city"] = "42" }),
            ("string like null", "get_weather", new() { ["city"] = "null" }),
            ("string like JSON", "write", new() { ["content"] = "{\"a\": [1, 2], \"b\": \"}\"}" }),
            ("brackets", "write", new() { ["content"] = "f(x)[0] = {1: '('}; // it's" }),
            ("empty string", "get_weather", new() { ["city"] = "" }),
            ("markup", "write", new() { ["content"] = "<div class=\"x\">&lt;b&gt; a < b && c > d</div>" }),
            ("shell redirection", "write", new() { ["content"] = "make 2>&1" }),
            ("hyphens in the name", "mcp-x__list-files", new() { ["dir"] = "/tmp" }),
            ("long value", "write", new() { ["content"] = string.Concat(Enumerable.Repeat("0123456789 abc\n", 40)) + "end" }),
            ("leading and trailing space", "write", new() { ["content"] = "  x  " }),
        };
        foreach (var (name, tool, arguments) in singles)
        {
            yield return Case(name, Render([(tool, arguments)]), C(tool, arguments));
        }

        var weather = new JsonObject { ["city"] = "Rome" };
        var plain = Render([("get_weather", weather)]);
        yield return OnlyDeclared
            ? Case("unknown tool", Render([("nope", weather)]), "T " + Render([("nope", weather)]))
            : Case("unknown tool", Render([("nope", weather)]), C("nope", weather));
        yield return Case("thought before", Think("plan") + plain, "R plan", C("get_weather", weather));
        yield return Case("prose", Say("a < b, {x} and [y] (z) \"q\""), "T a < b, {x} and [y] (z) \"q\"");
        yield return Case("thought and prose", Think("hm < {") + Say("so"), "R hm < {", "T so");
        if (!OneCall)
        {
            yield return Case("two calls", Render([("get_weather", weather), ("now", [])]), C("get_weather", weather), C("now", []));
            yield return Case("the same tool three times", Render([("now", []), ("now", []), ("now", [])]), "C now {}", "C now {}", "C now {}");
        }

        if (Closer is not null)
        {
            var hostile = new JsonObject { ["path"] = "p", ["content"] = $"before {Closer} after" };
            yield return Case("closer inside a string", Render([("write", hostile)]), C("write", hostile));
        }

        if (Opener is not null)
        {
            var hostile = new JsonObject { ["content"] = $"before {Opener} after" };
            yield return Case("opener inside a string", Render([("write", hostile)]), C("write", hostile));
        }

        if (OnlyAtStart)
        {
            yield return Case("text before makes it text", "Sure: " + plain, "T Sure: " + plain);
            yield break;
        }

        yield return Case("text before", Say("Let me see.") + plain, "T Let me see.", C("get_weather", weather));
        yield return Case("text after", plain + Say(" Done."), C("get_weather", weather), "T  Done.");
        yield return Case("thought, text, call", Think("plan") + Say("Well.") + plain, "R plan", "T Well.", C("get_weather", weather));
        if (!OneCall)
        {
            yield return Case("call, text, call", plain + Say("And") + plain, C("get_weather", weather), "T And", C("get_weather", weather));
        }
    }

    public override string ToString() => $"{Tools}+{Reasoning}";

    internal static readonly JsonSerializerOptions Relaxed = new()
    { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A value as XML-like formats write it: strings raw, all else as JSON.</summary>
    public static string Raw(JsonNode? value) => value is JsonValue text && text.TryGetValue<string>(out var raw) ? raw : Json(value);

    public static string Json(JsonNode? value) => value?.ToJsonString(Relaxed) ?? "null";

    public static string Type(JsonNode? value) => value switch
    {
        JsonObject => "object",
        JsonArray => "array",
        JsonValue text when text.TryGetValue<string>(out _) => "string",
        JsonValue text when text.TryGetValue<bool>(out _) => "boolean",
        null => "null",
        _ => "number",
    };

    private static JsonObject Strings(JsonObject arguments)
    {
        var strings = new JsonObject();
        foreach (var (key, value) in arguments)
        {
            strings[key] = Raw(value);
        }

        return strings;
    }
}
