namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>What DeepSeek's models leave of their markup, and how they misspell it; every row in all three spellings of the language.</summary>
internal static class DsmlCases
{
    private const string Weather = """C get_weather {"city":"X"}""";

    public static IEnumerable<OutputCase> All =>
        [.. Rows("deepseek_v32", "function_calls", ""), .. Rows("deepseek_v4", "tool_calls", ""), .. Rows("deepseek_v41", "calls", " ")];

    private static IEnumerable<OutputCase> Rows(string tools, string wrapper, string space)
    {
        var bar = "｜DSML｜" + space;
        string Open(string element, string attributes = "", string end = ">") => $"<{bar}{element}{attributes}{end}";
        string Shut(string element, string end = ">") => $"</{bar}{element}{end}";
        string Invoke(string name, string inner = "") => Open("invoke", $" name=\"{name}\"") + "\n" + inner + Shut("invoke") + "\n";
        string Parameter(string key, string value, string type = " string=\"true\"") => Open("parameter", $" name=\"{key}\"{type}") + value
            + Shut("parameter") + "\n";
        string Block(string inner) => Open(wrapper) + "\n" + inner + Shut(wrapper);
        var weather = Invoke("get_weather", Parameter("city", "X"));
        var (parameterEnd, invokeEnd, blockEnd) = (Shut("parameter"), Shut("invoke"), Shut(wrapper));
        OutputCase[] cases =
        [
            // Closers that close nothing.
            new("all closers behind an answer", $"a{parameterEnd}\n{invokeEnd}\n{blockEnd}", "T a"),
            new("all closers behind an answer and a line break", $"a\n\n{parameterEnd}\n{invokeEnd}\n{blockEnd}\n", "T a\n"),
            new("closers before an answer", $"{invokeEnd}\n{blockEnd}a", "T a"),
            new("a closer in a word", $"a{parameterEnd}b", "T ab"),
            new("closers without brackets", $"a{Shut("parameter", "")}\n{Shut("invoke", "")}\n{Shut(wrapper, "")}", "T a"),
            new("closers with ASCII bars", $"a</|DSML|{space}invoke></|DSML|{space}{wrapper}>", "T a"),
            new("closers behind a call", Block(weather) + $"\n{invokeEnd}\n{blockEnd}", Weather),
            new("closers twice", Block(weather.TrimEnd() + invokeEnd + "\n") + blockEnd, Weather),
            new("closers between calls", Block(weather) + blockEnd + "\n" + Block(Invoke("now")), Weather, "C now {}"),
            new("closers before a call", $"{blockEnd}\n" + Block(Invoke("now")), "C now {}"),
            new("closers behind a call, and text", Block(weather) + $"{blockEnd}\nb", Weather, "T \nb"),

            new("a parameter's closer twice", Block(Invoke("get_weather", Parameter("city", "X") + parameterEnd + "\n")), Weather),
            new("a parameter's closer three times",
                Block(Invoke("get_weather", Parameter("city", "X").TrimEnd() + parameterEnd + parameterEnd + Parameter("days", "3", " string=\"false\""))),
                """C get_weather {"city":"X","days":3}"""),

            // Blocks without calls.
            new("an empty block", "a\n\n" + Block("") + "\n\nb", "T a\n\nb"),
            new("an empty block of space", "a" + Block(" \n\n"), "T a"),
            new("nothing but an empty block", Block("")),
            new("an empty block and a call", Block("") + "\n" + Block(Invoke("now")), "C now {}"),
            new("an empty block behind a call", Block(Invoke("now")) + Block(""), "C now {}"),
            new("an empty block in one tag", $"a{Open(wrapper, "", "/>")}", "T a"),
            new("prose in a block is text", "a" + Block("no call\n"), "T a" + Open(wrapper) + "\nno call"),

            // Tags in one, or without their brackets.
            new("a call in one tag", Block(Open("invoke", " name=\"now\"", "/>") + "\n"), "C now {}"),
            new("a call in one tag with a space", Block(Open("invoke", " name=\"now\" ", "/>")), "C now {}"),
            new("calls in one tag and in two", Block(Open("invoke", " name=\"now\"", "/>") + "\n" + weather), "C now {}", Weather),
            new("a call in one tag behind one in two", Block(weather + Open("invoke", " name=\"now\"", "/>") + "\n"), Weather, "C now {}"),
            new("a call in one tag without a wrapper", "a" + Open("invoke", " name=\"now\"", "/>"), "T a", "C now {}"),
            new("an empty parameter in one tag", Block(Invoke("write", Open("parameter", " name=\"path\" string=\"true\"", "/>"))),
                """C write {"path":""}"""),
            new("a wrapper without bracket", Open(wrapper, "", "\n") + weather + blockEnd, Weather),
            new("a wrapper without bracket or line break", Open(wrapper, "", "") + weather + blockEnd, Weather),
            new("a wrapper without bracket behind text", "a\n\n" + Open(wrapper, "", "\n") + weather + blockEnd, "T a", Weather),
            new("no wrapper", weather, Weather),
            new("no wrapper, but its end", weather + blockEnd, Weather),
            new("no end of the wrapper", Open(wrapper) + "\n" + weather, Weather),
            new("two wrappers", Open(wrapper) + "\n" + Block(weather) + blockEnd, Weather),
            new("no end of the call", Open(wrapper) + "\n" + Open("invoke", " name=\"get_weather\"") + Parameter("city", "X") + blockEnd, Weather),
            new("ends without brackets", Open(wrapper) + "\n" + Open("invoke", " name=\"get_weather\"") + Open("parameter",
                " name=\"city\" string=\"true\"") + "X"
                + Shut("parameter", "\n") + Shut("invoke", "\n") + Shut(wrapper, ""), Weather),
            new("single quotes", Block($"<{bar}invoke name='get_weather'>"
                + $"<{bar}parameter name='city' string='true'>X{parameterEnd}{invokeEnd}"), Weather),

            // Values.
            new("values by their attribute", Block(Invoke("typed", Parameter("count", "3", " string=\"false\"") + Parameter("both", "3")
                + Parameter("list", "[1]", " string=\"false\""))),
                """C typed {"count":3,"both":"3","list":[1]}"""),
            new("values without attribute", Block(Invoke("typed", Parameter("count", "3", "") + Parameter("both", "007", "") + Parameter("box",
                "None", ""))),
                """C typed {"count":3,"both":"007","box":null}"""),
            new("no JSON where the attribute says so", Block(Invoke("write", Parameter("content", "a b", " string=\"false\""))),
                """C write {"content":"a b"}"""),
            new("space and line breaks", Block(Invoke("write", Parameter("content", "\n  a\n\tb\n"))), """C write {"content":"\n  a\n\tb\n"}"""),
            new("markup and signs", Block(Invoke("write", Parameter("content", "if (a < b && c > 1) { x = \"</parameter>\" } 2>&1"))),
                """C write {"content":"if (a < b && c > 1) { x = \"</parameter>\" } 2>&1"}"""),
            new("arguments in one parameter", Block(Invoke("get_weather", Parameter("arguments", "{\"city\": \"X\"}", " string=\"false\""))),
                Weather),
        ];
        OutputCase[] thoughts =
        [
            new("closers in a thought", $"hm{parameterEnd} so{invokeEnd}\n</think>a", "R hm so", "T a"),
            new("closers behind a thought", $"hm</think>{blockEnd}a", "R hm", "T a"),
            new("closers before the end of a thought", $"hm\n{invokeEnd}\n{blockEnd}\n</think>\n\na", "R hm", "T a"),
            new("closers with ASCII bars in a thought", $"hm</|DSML|{space}parameter> so</think>a", "R hm so", "T a"),
        ];
        return cases.Concat(thoughts.Select(item => item with { PromptTail = "<｜Assistant｜><think>" }))
            .Select(item => item with { Tools = tools, Reasoning = tools });
    }
}
