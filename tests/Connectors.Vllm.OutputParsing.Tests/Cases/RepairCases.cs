namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>What models get wrong in their own formats and what they quote of them, kind by kind; each kind in several formats.</summary>
internal static class RepairCases
{
    private const string Weather = """C get_weather {"city":"X"}""";

    public static IEnumerable<OutputCase> All =>
        [.. Dictionaries(), .. QuotedCalls(), .. KimiIds(), .. Dsml(), .. Harmony(), .. Types(), .. Pairs(), .. Json(), .. Thoughts(), .. Code()];

    private static IEnumerable<OutputCase> Dictionaries() => Of("gemma4", "gemma4",
        new("brackets and commas in plain quotes", Gemma("write{content:\"a, b} c]\",path:p}"), """C write {"content":"a, b} c]","path":"p"}"""),
        new("brackets and commas in single quotes", Gemma("get_weather{tags:['a, b', 'c]'],city:X}"),
            """C get_weather {"tags":["a, b","c]"],"city":"X"}"""),
        new("an apostrophe in single quotes", Gemma("write{content:'it's fine'}"), """C write {"content":"it's fine"}"""),
        new("an apostrophe in a word", Gemma("write{content:don't panic,path:p}"), """C write {"content":"don't panic","path":"p"}"""),
        new("escapes in quotes", Gemma("""write{content:"a \"b\" \\ c"}"""), """C write {"content":"a \"b\" \\ c"}"""),
        new("no comma behind a string", Gemma("get_weather{city:<|\"|>X<|\"|>days:3}"), """C get_weather {"city":"X","days":3}"""),
        new("no comma in a list", Gemma("get_weather{tags:[<|\"|>a<|\"|><|\"|>b<|\"|>]}"), """C get_weather {"tags":["a","b"]}"""),
        new("brackets in a word", Gemma("write{path:src/[id]/f(x, y).ts,content:z}"), """C write {"path":"src/[id]/f(x, y).ts","content":"z"}"""),
        new("a bracket without its twin in a word", Gemma("write{content:smile :( now,path:p}"), """C write {"content":"smile :( now","path":"p"}"""),
        new("JSON beside delimited strings", Gemma("get_weather{opts:{\"a\": [1, \"}\"]},city:<|\"|>X<|\"|>}"),
            """C get_weather {"opts":{"a":[1,"}"]},"city":"X"}"""),
        new("an empty dictionary", Gemma("get_weather{opts:{},tags:[],city:X}"), """C get_weather {"opts":{},"tags":[],"city":"X"}"""),
        new("no comma behind a list", Gemma("get_weather{tags:[1] city:X}"), """C get_weather {"tags":[1],"city":"X"}"""),
        new("no comma behind a dictionary", Gemma("get_weather{opts:{a:1} city:X}"), """C get_weather {"opts":{"a":1},"city":"X"}"""),
        new("calls in a quoted call",
            Gemma("write{content:<|\"|>a <|tool_call>call:write{content:<|\"|>b <|tool_call>call:now{}<tool_call|> c<|\"|>}<tool_call|> d<|\"|>}"),
            """C write {"content":"a <|tool_call>call:write{content:<|\"|>b <|tool_call>call:now{}<tool_call|> c<|\"|>}<tool_call|> d"}"""),
        new("commas too many", Gemma("get_weather{tags:[\"a\",],city:X,}"), """C get_weather {"tags":["a"],"city":"X"}"""),
        new("a newline behind the word call", "<|tool_call>call:\nnow{}<tool_call|>", "C now {}"),
        new("a missing brace is no dictionary", Gemma("get_weather{city:<|\"|>X<|\"|>"), "T " + Gemma("get_weather{city:<|\"|>X<|\"|>")),
        new("a key without value is none", Gemma("get_weather{city}"), "T " + Gemma("get_weather{city}")),
        new("a list without comma is none", Gemma("get_weather{tags:[{a:1} 2]}"), "T " + Gemma("get_weather{tags:[{a:1} 2]}")),
        new("a value without key is none", Gemma("get_weather{:1}"), "T " + Gemma("get_weather{:1}")),
        new("too many levels are none", Gemma("write{content:" + new string('[', 70) + "}"),
            "T " + Gemma("write{content:" + new string('[', 70) + "}")))
        .Concat(Of(
            "functiongemma", "none",
            new OutputCase("strings without comma", "<start_function_call>call:get_weather{city:<escape>X<escape>days:3}<end_function_call>",
                """C get_weather {"city":"X","days":3}""")));

    private static IEnumerable<OutputCase> QuotedCalls()
    {
        const string Coder = "<tool_call>\n<function=write>\n<parameter=path>\np\n</parameter>\n</function>\n</tool_call>";
        const string CutJson = "<tool_call>{\"name\":\"write\",\"arguments\":{\"content\":\"Say ";
        const string Minimax = "<minimax:tool_call>\n<invoke name=\"now\">\n</invoke>\n</minimax:tool_call>";
        const string Dsml =
            "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"write\">\n<｜DSML｜parameter name=\"path\" string=\"true\">p</｜DSML｜parameter>\n</｜DSML｜invoke>"
                + "\n</｜DSML｜tool_calls>";
        const string Step =
            "<｜tool_calls_begin｜><｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name=\"now\"></steptml:invoke><｜tool_call_end｜><｜tool_calls"
                + "_end｜>";
        const string Seed = "<seed:tool_call>\n<function=now>\n</function>\n</seed:tool_call>";
        const string Glm = "<tool_call>write<arg_key>path</arg_key><arg_value>p</arg_value></tool_call>";
        const string Harmony = "<|start|>assistant<|channel|>commentary to=functions.now<|message|>{}<|call|>";
        const string Kimi = "<|tool_call_begin|>functions.now:0<|tool_call_argument_begin|>{}<|tool_call_end|>";
        const string Gemma = "<|tool_call>call:write{path:<|\"|>p<|\"|>}<tool_call|>";
        const string Argument = "<|open|>argument key=\"path\" type=\"string\"<|sep|>p<|close|>argument<|sep|>";
        const string M3 = "]<]minimax[>[<invoke name=\"now\">]<]minimax[>[</invoke>";
        string Cut(string output) => "T " + output;
        return
        [
            .. Quoted(
                "qwen3_coder", Coder, text => $"<tool_call>\n<function=write>\n<parameter=content>\n{text}\n</parameter>\n</function>\n</tool_call>"),
            .. Quoted("mimo", Coder, text => $"<tool_call><function=write><parameter=content>{text}</parameter></function></tool_call>"),
            .. Quoted("seed_oss", Seed,
                text => $"<seed:tool_call>\n<function=write>\n<parameter=content>{text}</parameter>\n</function>\n</seed:tool_call>"),
            .. Quoted(
                "minimax_m2", Minimax, text =>
                $"<minimax:tool_call>\n<invoke name=\"write\">\n<parameter name=\"content\">{text}</parameter>\n</invoke>\n</minimax:tool_call>"),
            .. Quoted(
                "deepseek_v4", Dsml,
                text => $"<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"write\">\n<｜DSML｜parameter name=\"content\" "
                    + $"string=\"true\">{text}</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>"),
            .. Quoted(
                "step3", Step,
                text => $"<｜tool_calls_begin｜><｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name=\"write\"><steptml:parameter "
                    + $"name=\"content\">{text}</steptml:parameter></steptml:invoke><｜tool_call_end｜><｜tool_calls_end｜>"),
            .. Quoted("glm47", Glm, text => $"<tool_call>write<arg_key>content</arg_key><arg_value>{text}</arg_value></tool_call>"),
            .. Quoted("hy_v4", Glm,
                text => $"<tool_calls><tool_call>write<arg_key>content</arg_key><arg_value>{text}</arg_value></tool_call></tool_calls>"),
            .. Quoted(
                "kimi_k3", Argument,
                text => $"<|open|>tools<|sep|><|open|>call tool=\"write\" index=\"1\"<|sep|><|open|>argument key=\"content\" "
                    + $"type=\"string\"<|sep|>{text}<|close|>argument<|sep|><|close|>call<|sep|><|close|>tools<|sep|>"),
            .. Quoted(
                "minimax_m3", M3,
                text => $"]<]minimax[>[<tool_call>]<]minimax[>[<invoke name=\"write\">]<]minimax[>[<content>{text}]<]minimax[>[</content>]<]minimax"
                    + "[>[</invoke>]<]minimax[>[</tool_call>"),
            .. Of("hermes", "none",
                new OutputCase("a call of the other kind in a string that was cut off", CutJson + Coder + " and", Cut(CutJson + Coder + " and")),
                new OutputCase("a call of the other kind in a string, and breakage", CutJson + Coder + "\" <b>", Cut(CutJson + Coder + "\" <b>"))),
            .. Quoted("gemma4", Gemma, text => $"<|tool_call>call:write{{content:<|\"|>{text}<|\"|>}}<tool_call|>"),
            .. Quoted("openai", Harmony, text => $"<|channel|>commentary to=functions.write<|message|>{{\"content\":\"{text}\"}}<|call|>")
                .Select(item => item with { TextOnly = true }),
            .. Quoted("kimi_k2", Kimi,
                text => $"<|tool_call_begin|>functions.write:0<|tool_call_argument_begin|>{{\"content\":\"{text}\"}}<|tool_call_end|>"),
            .. Of("lfm2", "none",
                new OutputCase(
                    "a call in a string that was cut off", "<|tool_call_start|>[write(content='see <|tool_call_start|>[now()]<|tool_call_end|>",
                    Cut("<|tool_call_start|>[write(content='see <|tool_call_start|>[now()]<|tool_call_end|>"))),
        ];
    }

    /// <summary>A quoted call inside a value, and the same output cut off behind the quoted call: neither runs it.</summary>
    private static IEnumerable<OutputCase> Quoted(string tools, string call, Func<string, string> write)
    {
        var text = $"Say {call} and {call} so.";
        var whole = write(text);
        var cut = whole[..(whole.LastIndexOf(call, StringComparison.Ordinal) + call.Length)];
        var content = System.Text.Json.JsonSerializer.Serialize(text, FormatProfile.Relaxed);
        OutputCase[] cases =
            [new("cut off behind a quoted call", cut, "T " + cut), new("quotes calls in a value", whole, $"C write {{\"content\":{content}}}")];
        return Of(tools, "none", cases);
    }

    private static IEnumerable<OutputCase> KimiIds()
    {
        string Call(string id, string arguments) =>
            $"<|tool_calls_section_begin|><|tool_call_begin|>{id}<|tool_call_argument_begin|>{arguments}<|tool_call_end|><|tool_calls_section_end|>";
        return Of("kimi_k2", "none",
            new("underscores", Call("functions_get_weather_1", """{"city":"X"}"""), Weather),
            new("hyphens", Call("functions-get_weather-1", """{"city":"X"}"""), Weather),
            new("nothing between", Call("functionsget_weather5", """{"city":"X"}"""), Weather),
            new("no colon", Call("functions.get_weather5", """{"city":"X"}"""), Weather),
            new("a rewritten dot", Call("functions_math_add_0", """{"a":1,"b":2}"""), """C math.add {"a":1,"b":2}"""),
            new("only the name", Call("now", "{}"), "C now {}"),
            new("a number", Call("3", """{"path":"p","content":"c"}"""), """C write {"path":"p","content":"c"}"""),
            new("a numbered call", Call("call_3", """{"path":"p"}"""), """C write {"path":"p"}"""),
            new("another word before the name", Call("function.get_weather:0", """{"city":"X"}"""), Weather),
            new("no signs and capitals", Call("Functions.GetWeather:0", """{"city":"X"}"""), Weather),
            new("twice the word", Call("functions.functions.get_weather:0", """{"city":"X"}"""), Weather),
            new("no number behind the colon", Call("functions.get_weather:abc", """{"city":"X"}"""), Weather),
            new("an id of another server", Call("call_ab12", """{"path":"p","content":"c"}"""), """C write {"path":"p","content":"c"}"""),
            new("a number in brackets", Call("[3]", """{"path":"p","content":"c"}"""), """C write {"path":"p","content":"c"}"""),
            new("a number that no tool fits", Call("3", """{"other":1}"""), "T " + Call("3", """{"other":1}""")),
            new("an unknown tool keeps its name", Call("functions.nope:0", "{}"), "C nope {}"));
    }

    private static IEnumerable<OutputCase> Dsml()
    {
        const string Call =
            "<｜DSML｜invoke name=\"get_weather\">\n<｜DSML｜parameter name=\"city\" string=\"true\">X</｜DSML｜parameter>\n</｜DSML｜invoke>\n";
        const string Block = "<｜DSML｜tool_calls>\n" + Call + "</｜DSML｜tool_calls>";
        return Of("deepseek_v4", "deepseek_v4",
            new("closers in an answer", "It is 5.</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>", "T It is 5."),
            new("closers in the middle", "a</｜DSML｜invoke>\nb", "T a\nb"),
            new("closers with ASCII bars or without bracket", "a</|DSML|invoke>b</｜DSML｜tool_calls", "T ab"),
            new("closers behind a call", Block + "\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>", Weather),
            new("an empty block", "a\n\n<｜DSML｜tool_calls>\n</｜DSML｜tool_calls>\n\nb", "T a\n\nb"),
            new("an empty block in one tag", "a<｜DSML｜tool_calls/>b", "T ab"),
            new("a call in one tag", "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"now\"/>\n" + Call + "</｜DSML｜tool_calls>", "C now {}", Weather),
            new("a parameter in one tag",
                "<｜DSML｜tool_calls><｜DSML｜invoke name=\"write\"><｜DSML｜parameter name=\"path\" string=\"true\"/></｜DSML｜invoke></｜DSML｜tool_calls>",
                """C write {"path":""}"""),
            new("a wrapper without bracket", "<｜DSML｜tool_calls\n" + Call + "</｜DSML｜tool_calls>", Weather),
            new("no wrapper", Call + "</｜DSML｜tool_calls>", Weather))
            .Append(new OutputCase("closers in a thought", "hm</｜DSML｜parameter> so</｜DSML｜invoke>\n</think>a", "R hm so", "T a")
            { Tools = "deepseek_v4", Reasoning = "deepseek_v4", PromptTail = "<think>" })
            .Append(new OutputCase("closers in a thought that no call ends", "hm</｜DSML｜invoke></think>a", "R hm", "T a")
            { Tools = "deepseek_v32", Reasoning = "deepseek_v32", PromptTail = "<think>" })
            .Append(new OutputCase("a call in a thought that no call ends", "hm" + Block + "</think>a", "R hm" + Block, "T a")
            { Tools = "deepseek_v32", Reasoning = "deepseek_v32", PromptTail = "<think>" });
    }

    private static IEnumerable<OutputCase> Harmony()
    {
        const string Final = "<|start|>assistant<|channel|>final<|message|>a<|return|>";
        return Of("openai", "openai_gptoss",
            new("a header of garbage", "<|channel|>??<|end|>" + Final, "T a"),
            new("a thought without body", "<|channel|>analysis<|end|>" + Final, "T a"),
            new("prose as content type", "<|channel|>commentary <|constrain|>edit: the file.<|end|>" + Final, "T a"),
            new("a call without body", "<|channel|>commentary to=functions.now<|end|>" + Final, "T a"),
            new("a message without channel", "<|start|>assistant<|end|>" + Final, "T a"),
            new("the tool as channel", "<|channel|>get_weather<|message|>{\"city\":\"X\"}<|call|>", Weather),
            new("the tool as channel, with its namespace", "<|channel|>functions.now <|constrain|>json<|message|>{}<|call|>", "C now {}"),
            new("no sign of the recipient behind the channel",
                "<|channel|>commentary get_weather <|constrain|>json<|message|>{\"city\":\"X\"}<|call|>", Weather),
            new("no sign of the recipient before the channel", " functions.now<|channel|>commentary<|message|>{}<|call|>", "C now {}"),
            new("nor a namespace", " get_weather<|channel|>commentary<|message|>{\"city\":\"X\"}<|call|>", Weather),
            new("a stray marker in an answer", "<|channel|>final<|message|>a<|constrain|>b<|return|>", "T ab"),
            new("another message instead of a body", "<|channel|>analysis<|start|>assistant<|channel|>final<|message|>a<|return|>", "T a"),
            new("two channels", "<|channel|>analysis<|channel|>final<|message|>a<|return|>", "T a"),
            new("no space before the recipient", "<|channel|>commentaryto=functions.now<|message|>{}<|call|>", "C now {}"),
            new("words without end in a header",
                "<|channel|>x " + new string('y', 600) + "<|constrain|>z<|end|><|start|>assistant<|channel|>analysis<|message|>a<|end|>",
                "T x " + new string('y', 600) + "z", "R a"),
            new("an answer of one word", "now I know", "T now I know"))
            .Select(item => item with { PromptTail = "<|start|>assistant" });
    }

    private static IEnumerable<OutputCase> Types()
    {
        static string Call(string key, string value) =>
            $"<tool_call>\n<function=typed>\n<parameter={key}>\n{value}\n</parameter>\n</function>\n</tool_call>";
        return Of("qwen3_coder", "none",
            new("zeros in a union", Call("both", "007"), """C typed {"both":"007"}"""),
            new("a sign in a union", Call("both", "+4712345"), """C typed {"both":"+4712345"}"""),
            new("a number in a union", Call("both", "-12"), """C typed {"both":-12}"""),
            new("zeros of an integer", Call("count", "007"), """C typed {"count":7}"""),
            new("None of an object", Call("box", "None"), """C typed {"box":null}"""),
            new("None of a number", Call("ratio", "None"), """C typed {"ratio":null}"""),
            new("None of a string", Call("nullable", "None"), """C typed {"nullable":"None"}"""))
            .Concat(Of(
                "poolside_v1", "none",
                new OutputCase(
                    "zeros without a type", "<tool_call>zz\n<arg_key>a</arg_key>\n<arg_value>007</arg_value>\n</tool_call>", """C zz {"a":"007"}""")))
            .Concat(Of("gemma4", "none", new OutputCase("zeros in a union", Gemma("typed{both:007}"), """C typed {"both":"007"}""")));
    }

    private static IEnumerable<OutputCase> Pairs() => Of("glm47", "none",
        new("name and key without tag between", "<tool_call>get_weathercity</arg_key><arg_value>X</arg_value></tool_call>", Weather),
        new("name and key in lines", "<tool_call>get_weather\ncity</arg_key>\n<arg_value>X</arg_value>\n</tool_call>", Weather),
        new("a later key without tag",
            "<tool_call>get_weather<arg_key>days</arg_key><arg_value>3</arg_value>city</arg_key><arg_value>X</arg_value></tool_call>",
            """C get_weather {"days":3,"city":"X"}"""),
        new("a key without closer", "<tool_call>get_weather<arg_key>city<arg_value>X</arg_value></tool_call>", Weather),
        new("a stray closer behind the name", "<tool_call>now</arg_value></tool_call>", "C now {}"),
        new("a key's stray closer behind the name", "<tool_call>now</arg_key></tool_call>", "C now {}"),
        new("a closer too many", "<tool_call>get_weather<arg_key>city</arg_key><arg_value>X</arg_value></arg_value></tool_call>", Weather),
        new("an unknown name and key stay text", "<tool_call>nopecity</arg_key><arg_value>X</arg_value></tool_call>",
            "T <tool_call>nopecity</arg_key><arg_value>X</arg_value></tool_call>"));

    private static IEnumerable<OutputCase> Json()
    {
        var deep = string.Concat(Enumerable.Repeat("{\"a\":", 70)) + "1" + new string('}', 70);
        return Of("hermes", "none",
            new("line breaks and tabs in a string", "<tool_call>{\"name\":\"write\",\"arguments\":{\"content\":\"a\n\tb\r\nc\"}}</tool_call>",
                """C write {"content":"a\n\tb\r\nc"}"""),
            new("line breaks in encoded arguments", "<tool_call>{\"name\":\"write\",\"arguments\":\"{\\\"content\\\":\\\"a\nb\\\"}\"}</tool_call>",
                """C write {"content":"a\nb"}"""),
            new("other breakage", "<tool_call>{\"name\":\"now\",\"arguments\":{oops}}</tool_call>",
                "T <tool_call>{\"name\":\"now\",\"arguments\":{oops}}</tool_call>"),
            new("half a surrogate pair",
                "<tool_call>{\"name\":\"write\",\"arguments\":{\"content\":\"\\ud83d\",\"\\udc00\":\"\\ud83d\\ude00\"}}</tool_call>",
                "C write {\"content\":\"\ufffd\",\"\ufffd\":\"😀\"}"),
            new("half a surrogate pair as name", "<tool_call>{\"name\":\"\\ud83d\",\"arguments\":{}}</tool_call>", "C \ufffd {}"),
            new("arguments nested too deeply", $"<tool_call>{{\"name\":\"write\",\"arguments\":{deep}}}</tool_call>",
                $"T <tool_call>{{\"name\":\"write\",\"arguments\":{deep}}}</tool_call>"))
            .Concat(Of(
                "kimi_k2", "none",
                new OutputCase(
                    "line breaks in a string",
                    "<|tool_call_begin|>functions.write:0<|tool_call_argument_begin|>{\"content\":\"a\nb\"}<|tool_call_end|>",
                    """C write {"content":"a\nb"}""")))
            .Concat(Of("lfm2", "none", new OutputCase("a control token without a call", "<|tool_call_start|>hello", "T hello")))
            .Concat(Of(
                "llama3_json", "none",
                new OutputCase("an unknown tool first", "{\"name\":\"nope\",\"parameters\":{}}; {\"name\":\"now\",\"parameters\":{}}",
                    "T {\"name\":\"nope\",\"parameters\":{}}; {\"name\":\"now\",\"parameters\":{}}")))
            .Concat(Of(
                "xlam", "none",
                new OutputCase("an unknown tool first", "[{\"name\":\"nope\",\"arguments\":{}},{\"name\":\"now\",\"arguments\":{}}]",
                    "T [{\"name\":\"nope\",\"arguments\":{}},{\"name\":\"now\",\"arguments\":{}}]")));
    }

    private static IEnumerable<OutputCase> Thoughts() =>
    [
        .. Of("granite", "granite", new("the older words", "Here's my thought process:\na\nHere's my response:\nb", "R a", "T b"),
            new("curly apostrophes", "Here’s my thought process:\na\nHere’s my response:\nb", "R a", "T b")),
        .. Of("hunyuan_a13b", "hunyuan_a13b", new("an empty thought", "<think>\n\n</think>\n<answer>\na\n</answer>", "T a"),
            new("a thought without anything", "<think></think>\n<answer>\na\n</answer>", "T a")),
        .. Of("dots", "none",
            new OutputCase(
                "space in a value",
                "<dots_function_call>\n<invoke name=\"write\">\n<parameter name=\"content\">  a\n</parameter>\n</invoke>\n</dots_function_call>",
                """C write {"content":"  a\n"}""")),
        new OutputCase("a call inside an open thought ends it",
            "hm<|open|>tools<|sep|><|open|>call tool=\"now\" index=\"1\"<|sep|><|close|>call<|sep|><|close|>tools<|sep|>", "R hm", "C now {}")
            { Tools = "kimi_k3", Reasoning = "kimi_k3", PromptTail = "<|open|>think<|sep|>" },
        new OutputCase(
            "a response inside an open thought ends it", "hm<|open|>response<|sep|>a<|close|>think<|sep|>b<|close|>response<|sep|>", "R hm", "T ab")
        { Tools = "kimi_k3", Reasoning = "kimi_k3", PromptTail = "<|open|>think<|sep|>" },
    ];

    private static IEnumerable<OutputCase> Code()
    {
        const string Call = "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>";
        const string Coder = "<tool_call>\n<function=now>\n</function>\n</tool_call>";
        const string Section =
            "<|tool_calls_section_begin|><|tool_call_begin|>functions.now:0<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>";
        const string Fenced = "Like so:\n```xml\n" + Call + "\n```\n";
        return Of("hermes", "none",
            new("a call in a code block", Fenced + "Done.", "T " + Fenced + "Done."),
            new("a code block in a longer one", "````md\n" + Fenced + "````\n" + Call, "T ````md\n" + Fenced + "````", "C now {}"),
            new("a code block that begins behind space", "- a\n  ```\n  " + Call + "\n  ```\n", "T - a\n  ```\n  " + Call + "\n  ```\n"),
            new("a call behind a code block", Fenced + Call, "T " + Fenced[..^1], "C now {}"),
            new("a call in inline code", "Write `" + Call + "` so.", "T Write `" + Call + "` so."),
            new("a call behind inline code", "Use `x` " + Call, "T Use `x` ", "C now {}"),
            new("a call behind backticks in a line", "a ``` b\n" + Call, "T a ``` b", "C now {}"))
            .Concat(Of("qwen3_coder", "none",
                new("a call with two openers in inline code", $"Write `{Coder}` so.", $"T Write `{Coder}` so."),
                new("a call behind inline code of signs", "Use `<b>` then " + Coder, "T Use `<b>` then ", "C now {}"),
                new("a call behind a paragraph with a stray backtick", "Quote `<b> so.\n\n" + Coder, "T Quote `<b> so.\n", "C now {}")))
            .Concat(Of("kimi_k2", "none", new OutputCase("a section in inline code", $"Write `{Section}` so.", $"T Write `{Section}` so.")))
            .Append(new OutputCase("a required call in a code block", Fenced, "T Like so:\n```xml", "C now {}", "T \n```\n")
            {
                Tools = "hermes",
                Configure = options => new OutputParserOptions { Tools = options.Tools, ToolChoice = OutputToolChoice.Required, ReportMarkup = true },
            });
    }

    private static string Gemma(string call) => $"<|tool_call>call:{call}<tool_call|>";

    private static IEnumerable<OutputCase> Of(string tools, string reasoning, params OutputCase[] cases) =>
        cases.Select(item => item with { Tools = tools, Reasoning = reasoning });
}
