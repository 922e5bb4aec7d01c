namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>
/// The lesson of each public bug report about output parsers in vLLM and its relatives, as one case each; the names give the reports.
/// </summary>
public sealed class RegressionTests
{
    private const string Open = "<|im_start|>assistant\n<think>\n";

    private static readonly string Listing =
        string.Concat(Enumerable.Range(0, 200).Select(line => $"    if (a[{line}] < b && c > \"d\") {{ x << 1; }} // </param ü😀\n"));

    private static readonly OutputCase[] Cases =
    [
        Hermes("vllm#10395 arguments are passed on as written, never completed",
            "<tool_call>{\"name\":\"typed\",\"arguments\":{\"list\":[1,[2]],\"free\":{\"a\":{}}}}</tool_call>",
            "C typed {\"list\":[1,[2]],\"free\":{\"a\":{}}}") with { Exact = true },
        Hermes("vllm#22885 the last brace survives several closers in a row",
            "<tool_call>{\"name\":\"get_weather\",\"arguments\":{\"opts\":{\"a\":{\"b\":{}}}}}</tool_call>",
            "C get_weather {\"opts\":{\"a\":{\"b\":{}}}}"),
        Hermes("vllm#28806 empty arguments are arguments", "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>", "C now {}"),
        Hermes("vllm#32152 the end of the output flushes a complete call",
            "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"X\"}}", "C get_weather {\"city\": \"X\"}"),
        Hermes("vllm#45167 a closer inside a string does not end the call",
            "<tool_call>{\"name\":\"write\",\"arguments\":{\"content\":\"a </tool_call> b\"}}</tool_call>",
            "C write {\"content\":\"a </tool_call> b\"}"),
        Hermes("vllm#17703 neither escapes nor characters beyond ASCII are rewritten",
            "<tool_call>{\"name\":\"write\",\"arguments\":{\"path\":\"Z\\u00fcrich\",\"content\":\"Zürich 漢\"}}</tool_call>",
            "C write {\"path\":\"Z\\u00fcrich\",\"content\":\"Zürich 漢\"}") with { Exact = true },
        Coder("vllm#48753 indentation and the last newline of a value stay",
            "<tool_call>\n<function=write>\n<parameter=content>\n    if x:\n        return 1\n\n</parameter>\n</function>\n</tool_call>",
            """C write {"content":"    if x:\n        return 1\n"}"""),
        Coder("vllm#36032 nullable, anyOf and referenced types are no strings",
            "<tool_call><function=typed><parameter=maybe>7</parameter><parameter=box>{\"w\": 1}</parameter><parameter=nullable>null</parameter></fu"
                + "nction></tool_call>",
            """C typed {"maybe":7,"box":{"w":1},"nullable":null}"""),
        Coder("vllm#37831 a string that looks like JSON stays a string",
            "<tool_call><function=write><parameter=content>{\"a\": 1}</parameter><parameter=path>null</parameter></function></tool_call>",
            """C write {"content":"{\"a\": 1}","path":"null"}"""),
        Coder("vllm#35615 several parameters in one piece",
            "<tool_call><function=write><parameter=path>p</parameter><parameter=content>c</parameter></function></tool_call><tool_call><function=no"
                + "w></function></tool_call>",
            """C write {"path":"p","content":"c"}""", "C now {}"),
        Of("minimax_m2", "minimax_m2", "vllm#35895 several invokes and parameters in one piece",
            "<minimax:tool_call><invoke name=\"write\"><parameter name=\"path\">p</parameter><parameter "
                + "name=\"content\">c</parameter></invoke><invoke name=\"now\"></invoke></minimax:tool_call>",
            """C write {"path":"p","content":"c"}""", "C now {}"),
        Of("glm47", "glm45", "vllm#34449 several keys in one piece",
            "<tool_call>write<arg_key>path</arg_key><arg_value>p</arg_value><arg_key>content</arg_key><arg_value>c</arg_value></tool_call>",
            """C write {"path":"p","content":"c"}"""),
        Of("kimi_k2", "kimi_k2", "vllm#38579 one call's end and the next one's begin in one piece, text before, no limit of a section",
            "Sure.<|tool_calls_section_begin|><|tool_call_begin|>functions.write:0<|tool_call_argument_begin|>{\"content\":\"" + new string('x', 9000)
            + "\"}<|tool_call_end|><|tool_call_begin|>functions.now:1\n<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>",
            "T Sure.", "C write {\"content\":\"" + new string('x', 9000) + "\"}", "C now {}"),
        Of("glm47", "glm45", "vllm#44326 a call without arguments is a call", "<tool_call>now</tool_call>", "C now {}"),
        Of("glm45", "glm45", "vllm#39757 a name is handed out whole",
            "<tool_call>mcp-x__list-files\n<arg_key>dir</arg_key>\n<arg_value>/</arg_value>\n</tool_call>", """C mcp-x__list-files {"dir":"/"}"""),
        Of("inkling", "inkling", "the prompt has begun the block: its header is no text",
            "now<|content_invoke_tool_json|>{\"name\":\"now\",\"args\":{}}<|end_message|><|message_model|><|content_text|>Done.<|end_message|>",
            "C now {}", "T Done.") with { PromptTail = "<|message_model|>" },
        Of("inkling", "inkling", "the prompt has begun the block: a thought comes first",
            "<|content_thinking|>plan<|end_message|><|message_model|>now<|content_invoke_tool_json|>{\"name\":\"now\",\"args\":{}}<|end_message|>",
            "R plan", "C now {}") with { PromptTail = "<|message_model|>" },
        Hermes("vllm#42400 a call in an open thought ends it", "plan\n<tool_call>{\"name\":\"now\"}</tool_call>", "R plan", "C now {}")
            with { PromptTail = Open },
        Hermes("vllm#19222 the prompt says whether the output begins in a thought: open", "a</think>\n\nb", "R a", "T b") with { PromptTail = Open },
        Hermes("vllm#17349 the prompt says whether the output begins in a thought: closed", "b", "T b") with { PromptTail = Open + "\n</think>\n\n" },
        Hermes("vllm#22507 a call behind a switched-off thought is a call", "<tool_call>{\"name\":\"now\"}</tool_call>", "C now {}")
            with { PromptTail = Open + "\n</think>\n\n" },
        Of("deepseek_v4", "deepseek_v4", "vllm#48645 the end token never leaks, not even from a thought without its end", "answer<｜end▁of▁sentence｜>",
            "R answer") with { PromptTail = "<｜Assistant｜><think>" },
        Of("deepseek_v4", "deepseek_v4", "vllm#40801 stray closers never become text", "a</｜DSML｜invoke></｜DSML｜tool_calls>", "T a"),
        Hermes("vllm#53269 a call cut by the length is none, and its text stays", "<tool_call>{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Pa",
            "T <tool_call>{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Pa"),
        Hermes("vllm#20663 a required call behind a thought keeps the thought", "plan</think>\n\n[{\"name\":\"now\",\"parameters\":{}}]",
            "R plan", "C now {}")
            with { PromptTail = Open, Configure = options => Shape(options, CallShape.JsonArray, OutputToolChoice.Required) },
        Hermes("vllm#40147 a named call behind a thought needs no text", "plan</think>\n\n{\"city\":\"X\"}", "R plan",
            "C get_weather {\"city\":\"X\"}")
            with { PromptTail = Open, Configure = options => Shape(options, CallShape.NamedArguments, OutputToolChoice.Named("get_weather")) },
        Coder("vllm#39870 JSON forced on a model of tags is still a call", "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>",
            "C now {}"),
        Of("mistral", "mistral", "vllm#30651 what follows the marker decides the variant: array",
            "{x} [TOOL_CALLS] [{\"name\":\"get_weather\",\"arguments\":{\"days\":3}}]", "T {x} ", "C get_weather {\"days\":3}"),
        Of("mistral", "mistral", "vllm#20028 what follows the marker decides the variant: name",
            "[TOOL_CALLS]get_weather{\"days\":3}[TOOL_CALLS]now[ARGS]{}", "C get_weather {\"days\":3}", "C now {}"),
        Of("openai", "openai_gptoss", "vllm#23567 leftovers in a header hurt nothing",
            "<|channel|>commentary to=functions.now <|constrain|>json extra<|message|>{}<|call|>", "C now {}"),
        Of("openai", "openai_gptoss", "harmony#38 no special token in a name",
            "<|channel|>commentary to=functions.now<|channel|>commentary<|message|>{}<|call|>", "C now {}"),
        Of("gemma4", "gemma4", "vllm#38855 special tokens are read first and dropped then",
            "<|channel>thought\nhm<channel|>ok<|tool_call>call:now{}<tool_call|><turn|>", "R hm", "T ok", "C now {}"),
        Of("gemma4", "gemma4", "vllm#50477 a call forced as JSON on a model of dictionaries is a call",
            "[{\"name\":\"get_weather\",\"parameters\":{\"city\":\"X\"}}]", "C get_weather {\"city\":\"X\"}")
            with { Configure = options => Shape(options, CallShape.JsonArray, OutputToolChoice.Required) },
        Of("glm47", "glm45", "sglang#13514 an array that never ends gives its complete calls and keeps the rest",
            "[{\"name\":\"now\",\"parameters\":{}},{\"name\":\"now\",\"parameters\":{}},\n\n\n\n", "C now {}", "C now {}")
            with { Configure = options => Shape(options, CallShape.JsonArray, OutputToolChoice.Required) },
        Hermes("vllm#47027 JSON behind a thought under a schema is the answer", "plan</think>\n\n{\"a\": \"<tool_call>\"}", "R plan",
            "T {\"a\": \"<tool_call>\"}")
            with { PromptTail = Open, Configure = options => Shape(options, CallShape.None, default) },
        Hermes("vllm#50948 JSON from the first token is the answer, although the prompt opened a thought", "{\"a\":1}", "T {\"a\":1}")
            with { PromptTail = Open, Configure = options => new OutputParserOptions { CallShape = CallShape.None, ReportMarkup = true } },
        Of("minimax_m2", "minimax_m2", "vllm#39649 a long value loses and doubles nothing, however it is cut",
            "<minimax:tool_call>\n<invoke name=\"write\">\n<parameter name=\"content\">" + Listing + "</parameter>\n</invoke>\n</minimax:tool_call>",
            "C write {\"content\": " + System.Text.Json.JsonSerializer.Serialize(Listing, FormatProfile.Relaxed) + "}"),
        Of("deepseek_v32", "deepseek_v32", "vllm#42878 a long value loses and doubles nothing, however it is cut",
            "<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"write\">\n<｜DSML｜parameter name=\"content\" string=\"true\">" + Listing
                + "</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>",
            "C write {\"content\": " + System.Text.Json.JsonSerializer.Serialize(Listing, FormatProfile.Relaxed) + "}"),
        Hermes("vllm#9451 no second call where only one is allowed", "<tool_call>{\"name\":\"now\"}</tool_call>", "C now {}")
            with { Configure = options => new OutputParserOptions { Tools = options.Tools, AllowMultipleToolCalls = false, ReportMarkup = true } },
        Of("step3", "step3", "vllm#21130 a marker the model never writes loses nothing", "no marker at all", "T no marker at all"),
        Coder("vllm#18791 JSON calls of a model tuned on tags", "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"days\": 3}}</tool_call>",
            "C get_weather {\"days\": 3}"),
        Hermes("vllm#47137 a cut opener is the same text streamed or not", "text <tool_ca", "T text <tool_ca"),
        Hermes("vllm#56077 garbage is text", "<tool_call>}{]\"\\u{{</tool_call>", "T <tool_call>}{]\"\\u{{</tool_call>"),
        Hermes("vllm#57677 many openers without an end stay text", string.Concat(Enumerable.Repeat("<tool_call>{\"name\"", 50)),
            "T " + string.Concat(Enumerable.Repeat("<tool_call>{\"name\"", 50))),
        Of("kimi_k3", "kimi_k3", "vllm#51412 the closer of a message never leaks", "hi<|close|>message<|sep|><|end_of_msg|>", "T hi"),
        Hermes("exllamav3#171 a surrogate pair split between pieces, right before a marker",
            "<think>\n😀</think>\n\n😀<tool_call>{\"name\":\"write\",\"arguments\":{\"content\":\"😀\"}}</tool_call>",
            "R 😀", "T 😀", "C write {\"content\":\"😀\"}"),
    ];

    public static IEnumerable<TheoryDataRow<int, string>> Rows =>
        Cases.Select((item, index) => new TheoryDataRow<int, string>(index, item.ToString()));

    [Theory]
    [MemberData(nameof(Rows))]
    public void Parse_Report_StaysFixedForAnyChunking(int index, string name)
    {
        var item = Cases[index];
        Assert.Equal(name, item.ToString());
        FormatCaseTests.AssertAnyChunking(item);
    }

    /// <summary>vllm#39697: what a thinking budget writes to end a thought is part of it, and the model's own end behind it never shows.</summary>
    [Fact]
    public void Parse_ThoughtEndedByForce_EndsOnce()
    {
        const int End = 7;
        var format = OutputFormat.FromNames("hermes", "qwen3", text => text == "</think>" ? End : null);
        var parser = OutputParser.Create(format, new OutputParserOptions { PromptTail = Open });
        var events = new List<OutputEvent>();
        foreach (var (text, id) in new[] { ("plan", 1), (", so I must answer now.\n", 2), ("</think>", End), ("\n\n", 3), ("</think>", End),
            ("\n\n", 3), ("b", 4) })
        {
            parser.Push(text, id, events);
        }

        parser.Finish("stop", events);
        Assert.Equal(["R plan, so I must answer now.", "T b"], OutputCase.Lines(events));
    }

    /// <summary>vllm#9451.</summary>
    [Fact]
    public void Parse_SecondCallWhereOneIsAllowed_FinishesBehindTheFirst()
    {
        var parser = OutputParser.Create(OutputFormat.FromNames("hermes", "qwen3"), new OutputParserOptions { AllowMultipleToolCalls = false });
        var events = new List<OutputEvent>();
        parser.Push("<tool_call>{\"name\":\"now\"}</tool_call>\n<tool_call>{\"name\":\"now\"}</tool_call> more", -1, events);
        Assert.True(parser.IsFinished);
        parser.Finish("stop", events);
        Assert.Equal(["C now {}"], OutputCase.Lines(events));
    }

    private static OutputCase Hermes(string name, string output, params string[] expected) => Of("hermes", "qwen3", name, output, expected);

    private static OutputCase Coder(string name, string output, params string[] expected) => Of("qwen3_coder", "qwen3", name, output, expected);

    private static OutputCase Of(string tools, string reasoning, string name, string output, params string[] expected) =>
        new(name, output, expected) { Tools = tools, Reasoning = reasoning };

    private static OutputParserOptions Shape(OutputParserOptions options, CallShape shape, OutputToolChoice choice) =>
        new() { PromptTail = options.PromptTail, Tools = options.Tools, ReportMarkup = true, CallShape = shape, ToolChoice = choice };
}
