namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>The shapes in which Kimi K2 writes the ids of its calls, and K3's sections where a thought is still open.</summary>
internal static class KimiCases
{
    private const string Weather = """get_weather {"city":"X"}""";

    // An id, the arguments, and the call they make; null where the declared tools leave no or several readings.
    private static readonly (string Id, string Arguments, string? Expected)[] Ids =
    [
        ("functions.get_weather:0", """{"city":"X"}""", Weather),
        ("functions.get_weather:12 ", """{"city":"X"}""", Weather),
        ("\nfunctions.get_weather:0\n", """{"city":"X"}""", Weather),
        ("functions.get_weather", """{"city":"X"}""", Weather),
        ("functions.get_weather.0", """{"city":"X"}""", Weather),
        ("functions.get_weather_0", """{"city":"X"}""", Weather),
        ("functions.get_weather-0", """{"city":"X"}""", Weather),
        ("functions.get_weather 0", """{"city":"X"}""", Weather),
        ("functions/get_weather:1", """{"city":"X"}""", Weather),
        ("functions:get_weather:1", """{"city":"X"}""", Weather),
        ("functions::get_weather:1", """{"city":"X"}""", Weather),
        ("functions_get_weather", """{"city":"X"}""", Weather),
        ("functions_get_weather_1", """{"city":"X"}""", Weather),
        ("functions-get-weather-1", """{"city":"X"}""", Weather),
        ("functionsget_weather1", """{"city":"X"}""", Weather),
        ("functionsgetweather1", """{"city":"X"}""", Weather),
        ("FUNCTIONS.get_weather:1", """{"city":"X"}""", Weather),
        ("function.get_weather:1", """{"city":"X"}""", Weather),
        ("tool.get_weather:1", """{"city":"X"}""", Weather),
        ("tools.get_weather:1", """{"city":"X"}""", Weather),
        ("get_weather", """{"city":"X"}""", Weather),
        ("get_weather:0", """{"city":"X"}""", Weather),
        ("get_weather_0", """{"city":"X"}""", Weather),
        ("get_weather0", """{"city":"X"}""", Weather),
        ("getWeather:0", """{"city":"X"}""", Weather),
        ("get-weather:0", """{"city":"X"}""", Weather),
        ("call_get_weather_0", """{"city":"X"}""", Weather),
        ("toolcall_get_weather_0", """{"city":"X"}""", Weather),
        ("call_functions_get_weather_0", """{"city":"X"}""", Weather),
        ("functions.math.add:0", """{"a":1,"b":2}""", """math.add {"a":1,"b":2}"""),
        ("functions.math_add:0", """{"a":1,"b":2}""", """math.add {"a":1,"b":2}"""),
        ("functions_math_add_0", """{"a":1,"b":2}""", """math.add {"a":1,"b":2}"""),
        ("functions.mcp-x__list-files:3", """{"dir":"/"}""", """mcp-x__list-files {"dir":"/"}"""),
        ("functions_mcp_x__list_files_3", """{"dir":"/"}""", """mcp-x__list-files {"dir":"/"}"""),
        ("functions.now:0", "{}", "now {}"),
        ("functions.now:0", "", "now {}"),
        ("functions.nope:0", "{}", "nope {}"),
        ("functions.get_weather_v2:0", "{}", "get_weather_v2 {}"),

        // No name at all: the arguments tell, where one tool takes them, or one takes exactly them.
        ("3", """{"dir":"/"}""", """mcp-x__list-files {"dir":"/"}"""),
        ("call_3", """{"city":"X","days":2}""", """get_weather {"city":"X","days":2}"""),
        ("functions:3", """{"a":1,"b":2}""", """math.add {"a":1,"b":2}"""),
        ("functions.3", """{"a":1,"b":2}""", """math.add {"a":1,"b":2}"""),
        ("functions_3", """{"a":1,"b":2}""", """math.add {"a":1,"b":2}"""),
        (":0", """{"path":"p"}""", """write {"path":"p"}"""),
        ("#1", """{"path":"p"}""", """write {"path":"p"}"""),
        ("(1)", """{"path":"p"}""", """write {"path":"p"}"""),
        ("chatcmpl-tool-0a1b2c", """{"path":"p"}""", """write {"path":"p"}"""),
        ("toolu_01AbC", """{"path":"p"}""", """write {"path":"p"}"""),
        ("call_00_xYz", """{"city":"X"}""", Weather),
        ("0", "{}", "now {}"),
        ("0", """{"path":"p","nope":1}""", null),
        ("0", """{"days":3}""", null),
        ("0", "[1]", null),
    ];

    public static IEnumerable<OutputCase> All => [.. K2(), .. K3()];

    private static IEnumerable<OutputCase> K2()
    {
        const string Open = "<|tool_calls_section_begin|>", Close = "<|tool_calls_section_end|>";
        foreach (var (id, arguments, expected) in Ids)
        {
            var call = $"<|tool_call_begin|>{id}<|tool_call_argument_begin|>{arguments}<|tool_call_end|>";
            string[] lines = expected is null ? [] : ["C " + expected];
            yield return new OutputCase($"id '{id}' {arguments}", Open + call + Close, expected is null ? ["T " + Open + call + Close] : lines)
                { Tools = "kimi_k2" };
            if (expected is not null)
            {
                yield return new OutputCase($"id '{id}' {arguments}, twice and without a section", "a" + call + call, ["T a", .. lines, .. lines])
                    { Tools = "kimi_k2" };
            }
        }

        yield return new OutputCase("no marker before the arguments", "<|tool_call_begin|>functions.get_weather:0 {\"city\":\"X\"}<|tool_call_end|>",
            "C " + Weather) { Tools = "kimi_k2" };
        yield return new OutputCase("words that are no id", "<|tool_call_begin|>two words<|tool_call_argument_begin|>{}<|tool_call_end|>",
            "T two words{}")
            { Tools = "kimi_k2" };

        // Markers of a call that are missing: what stands before the arguments' marker is the id, and a declared name alone takes no arguments.
        const string First = "functions.now:0<|tool_call_argument_begin|>{}<|tool_call_end|>";
        const string Second = "functions.get_weather:1<|tool_call_argument_begin|>{\"city\":\"X\"}<|tool_call_end|>";
        foreach (var (output, expected) in new (string Output, string[] Expected)[]
        {
            (Open + First + Close, ["C now {}"]),
            (Open + "\n" + Second + "\n" + Close, ["C " + Weather]),
            (Open + First + Second + Close + "a", ["C now {}", "C " + Weather, "T a"]),
            (Open + First + "\n" + Second, ["C now {}", "C " + Weather]),
            (Open + "<|tool_call_begin|>" + First + Second + Close, ["C now {}", "C " + Weather]),
            (Open + First + "<|tool_call_begin|>" + Second + Close, ["C now {}", "C " + Weather]),
            (Open + "<|tool_call_begin|>functions.now:0<|tool_call_end|>" + Close, ["C now {}"]),
            (Open + "<|tool_call_begin|>now" + Close, ["C now {}"]),
            (Open + "<|tool_call_begin|>functions.nope:0<|tool_call_end|>" + Close, ["T functions.nope:0"]),
            (Open + "I call " + First + Close, ["T I call functions.now:0{}"]),
            ("<|tool_call_begin|>" + First + "and so", ["C now {}", "T and so"]),
        })
        {
            yield return new OutputCase("markers that are missing: " + output, output, expected) { Tools = "kimi_k2" };
        }

        // One tool's name begins another's, or ends with a number of its own.
        OutputTool[] tools = [TestTools.Tool("exec", "{}"), TestTools.Tool("exec2", "{}"), TestTools.Tool("exec_file", "{}")];
        foreach (var (id, name) in new[] { ("functionsexec5", "exec"), ("functions.exec2:0", "exec2"), ("functions_exec2_0", "exec2"),
            ("functionsexec_file7", "exec_file"),
            ("functions.exec-file:1", "exec_file"), ("exec2", "exec2"), ("functions.exec20", "exec2") })
        {
            yield return new OutputCase($"id '{id}' among names that begin alike",
                $"<|tool_call_begin|>{id}<|tool_call_argument_begin|>{{}}<|tool_call_end|>", $"C {name} {{}}")
                { Tools = "kimi_k2", Configure = _ => new OutputParserOptions { Tools = tools, ReportMarkup = true } };
        }
    }

    private static IEnumerable<OutputCase> K3()
    {
        const string Think = "<|open|>think<|sep|>", EndThink = "<|close|>think<|sep|>", Tools = "<|open|>tools<|sep|>",
            EndTools = "<|close|>tools<|sep|>",
            Response = "<|open|>response<|sep|>", EndResponse = "<|close|>response<|sep|>", EndMessage = "<|close|>message<|sep|>";
        string Call(string name, string inner = "") => $"<|open|>call tool=\"{name}\" index=\"1\"<|sep|>{inner}<|close|>call<|sep|>";
        string Argument(string key, string value, string type = " type=\"string\"") =>
            $"<|open|>argument key=\"{key}\"{type}<|sep|>{value}<|close|>argument<|sep|>";
        var now = Tools + Call("now") + EndTools;
        OutputCase[] thinking =
        [
            new("a section in the thought", "hm" + now, "R hm", "C now {}"),
            new("a section in the thought and the end of the message", "hm" + now + EndMessage + "<|end_of_msg|>", "R hm", "C now {}"),
            new("the thought's end behind the section", "hm" + now + EndThink, "R hm", "C now {}"),
            new("the thought's end and an answer behind the section", "hm" + now + EndThink + Response + "a" + EndResponse, "R hm", "C now {}",
                "T a"),
            new("an answer behind the section", "hm" + now + Response + "a" + EndResponse, "R hm", "C now {}", "T a"),
            new("two calls", "hm" + Tools + Call("now") + Call("get_weather", Argument("city", "X")) + EndTools, "R hm", "C now {}",
                """C get_weather {"city":"X"}"""),
            new("two sections", "hm" + now + now, "R hm", "C now {}", "C now {}"),
            new("no section around the call", "hm" + Call("now"), "R hm", "C now {}"),
            new("no end of the section", "hm" + Tools + Call("now"), "R hm", "C now {}"),
            new("line breaks", "hm\n" + Tools + "\n" + Call("now") + "\n" + EndTools + "\n", "R hm", "C now {}"),
            new("nothing thought", now, "C now {}"),
            new("only the thought", "hm", "R hm"),
            new("a thought that ends", "hm" + EndThink + now, "R hm", "C now {}"),
            new("a thought that ends, an answer, a call", "hm" + EndThink + Response + "a" + EndResponse + now, "R hm", "T a", "C now {}"),
            new("an answer in the thought, and a call", "hm" + Response + "a" + EndResponse + now, "R hm", "T a", "C now {}"),
            new("a call in an open answer", "hm" + EndThink + Response + "a" + now, "R hm", "T a", "C now {}"),
            new("an undeclared tool is part of the thought", "hm" + Tools + Call("nope") + EndTools + EndThink + "a", "R hm" + Tools
                + Call("nope") + EndTools, "T a"),
            new("cut off in a value", "hm" + Tools
                + "<|open|>call tool=\"write\" index=\"1\"<|sep|><|open|>argument key=\"path\" type=\"string\"<|sep|>p",
                "R hm" + Tools + "<|open|>call tool=\"write\" index=\"1\"<|sep|><|open|>argument key=\"path\" type=\"string\"<|sep|>p"),
        ];
        OutputCase[] others =
        [
            new("types of values", Call("typed", Argument("count", "3", " type=\"number\"") + Argument("flag", "true", " type=\"boolean\"")
                + Argument("list", "[1]", " type=\"array\"") + Argument("maybe", "null", " type=\"null\"") + Argument("both", "007")),
                """C typed {"count":3,"flag":true,"list":[1],"maybe":null,"both":"007"}"""),
            new("no type", Call("typed", Argument("count", "3", "")), """C typed {"count":"3"}"""),
            new("a type that does not fit", Call("typed", Argument("count", "three", " type=\"number\"")), """C typed {"count":"three"}"""),
            new("entities in names", Call("zz", Argument("a&amp;&quot;b", "x &amp; y")), """C zz {"a&\"b":"x &amp; y"}"""),
            new("markup in a value", Call("write", Argument("content", "<a href=\"x\">\n<|x|></a>")),
                """C write {"content":"<a href=\"x\">\n<|x|></a>"}"""),
            new("an answer without markers", "a", "T a"),
            new("a thought opened by the model", Think + "hm" + EndThink + Response + "a" + EndResponse + EndMessage, "R hm", "T a"),
            new("an empty section", "a" + Tools + EndTools + "b", "T ab"),
            new("stray ends", "a" + EndTools + EndResponse + EndMessage, "T a"),
        ];
        return [.. thinking.Select(item => item with { Tools = "kimi_k3", Reasoning = "kimi_k3", PromptTail = Think }),
            .. others.Select(item => item with { Tools = "kimi_k3", Reasoning = "kimi_k3" })];
    }
}
