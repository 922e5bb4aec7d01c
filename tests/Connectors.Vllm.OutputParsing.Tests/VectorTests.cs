namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>
/// What every family's own template writes, as its model card shows it, and the agreed meaning of the doubtful spots between families.
/// </summary>
public sealed class VectorTests
{
    private const string Open = "<|im_start|>assistant\n<think>\n";
    private const string Weather = "{\"city\":\"Paris\",\"days\":3}";
    private static readonly string Large = new('x', 100_000);

    private static readonly OutputCase[] Cases =
    [
        Of("hermes", "qwen3", "prose that only begins a marker", "a < b and <tool", "T a < b and <tool"),
        Of("hermes", "qwen3", "numbers keep their spelling",
            "<tool_call>{\"name\":\"typed\",\"arguments\":{\"ratio\":5.0,\"count\":12345678901234567890,\"free\":1e3}}</tool_call>",
            "C typed {\"ratio\":5.0,\"count\":12345678901234567890,\"free\":1e3}") with { Exact = true },
        Of("qwen3_coder", "qwen3", "the template's framing",
            "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>",
            "C get_weather " + Weather),
        Of("qwen3_coder", "qwen3", "values of a string that look like others",
            "<tool_call><function=get_weather><parameter=city>42</parameter></function></tool_call>", """C get_weather {"city":"42"}"""),
        Of("qwen3_coder", "qwen3", "a closer that no tag follows is text",
            "<tool_call><function=write><parameter=content>\na </parameter> is text\n</parameter>\n</function></tool_call>",
            """C write {"content":"a </parameter> is text"}"""),
        Of("qwen3_coder", "qwen3", "thought ended by a call", "plan<tool_call><function=now></function></tool_call>", "R plan", "C now {}")
            with { PromptTail = Open },
        Of("deepseek_v32", "deepseek_v32", "text before the block loses the template's newlines",
            "Hi\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"get_weather\">\n<｜DSML｜parameter name=\"city\" "
                + "string=\"true\">Paris</｜DSML｜parameter>\n<｜DSML｜parameter name=\"days\" string=\"false\">3</｜DSML｜parameter>\n</｜DSML｜invoke>\n<"
                + "/｜DSML｜function_calls>",
            "T Hi", "C get_weather " + Weather),
        Of("deepseek_v41", "deepseek_v41", "the spaced tags of V4.1",
            "<｜DSML｜ calls>\n<｜DSML｜ invoke name=\"now\">\n</｜DSML｜ invoke>\n</｜DSML｜ calls>", "C now {}"),
        Of("glm45", "glm45", "with newlines",
            "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</to"
                + "ol_call>", "C get_weather " + Weather),
        Of("glm47", "glm45", "compact",
            "<tool_call>get_weather<arg_key>city</arg_key><arg_value>Paris</arg_value><arg_key>days</arg_key><arg_value>3</arg_value></tool_call>",
            "C get_weather " + Weather),
        Of("kimi_k2", "kimi_k2", "a hyphen in the id's name",
            "<|tool_call_begin|>functions.mcp-x__list-files:0<|tool_call_argument_begin|>{\"dir\":\"/\"}<|tool_call_end|>",
            "C mcp-x__list-files {\"dir\":\"/\"}"),
        Of("kimi_k2", "kimi_k2", "100 KB of arguments", "<|tool_call_begin|>functions.write:0<|tool_call_argument_begin|>{\"content\":\"" + Large
            + "\"}<|tool_call_end|>", "C write {\"content\":\"" + Large + "\"}"),
        Of("mistral", "mistral", "array behind a space",
            "[TOOL_CALLS] [{\"name\":\"now\",\"arguments\":{}},{\"name\":\"get_weather\",\"arguments\":{\"city\":\"X\"}}]", "C now {}",
            "C get_weather {\"city\":\"X\"}"),
        Of("mistral", "mistral", "thought", "[THINK]a[/THINK]b", "R a", "T b"),
        Of("llama3_json", "none", "two calls, no argument twice",
            "{\"name\":\"now\",\"parameters\":{}}; {\"name\":\"get_weather\",\"parameters\":{\"city\":\"Münster\"}}", "C now {}",
            "C get_weather {\"city\":\"Münster\"}"),
        Of("llama3_json", "none", "a JSON answer is text", "{\"answer\": 42}", "T {\"answer\": 42}"),
        Of("pythonic", "none", "quotes and brackets in a string", "[get_weather(city='it\\'s [x]', days=-1), now()]",
            """C get_weather {"city":"it's [x]","days":-1}""", "C now {}"),
        Of("gemma4", "gemma4", "all types of values",
            "<|tool_call>call:get_weather{city:<|\"|>Paris<|\"|>,days:3,opts:{metric:true},tags:[<|\"|>a<|\"|>,<|\"|>b<|\"|>]}<tool_call|>",
            """C get_weather {"city":"Paris","days":3,"opts":{"metric":true},"tags":["a","b"]}"""),
        Of("minimax_m2", "minimax_m2", "values are taken verbatim",
            "<minimax:tool_call>\n<invoke name=\"write\">\n<parameter name=\"content\">\nx\n</parameter>\n</invoke>\n</minimax:tool_call>",
            """C write {"content":"\nx\n"}"""),
        Of("cohere", "cohere", "thought, action and response",
            "<|START_THINKING|>p<|END_THINKING|><|START_RESPONSE|>hi<|END_RESPONSE|><|START_ACTION|>[{\"tool_call_id\":\"0\",\"tool_name\":\"now\","
                + "\"parameters\":{}}]<|END_ACTION|>",
            "R p", "T hi", "C now {}"),
        Of("none", "qwen3", "a thought without its end", "a b", "R a b") with { PromptTail = Open },
        Of("none", "qwen3", "a marker begun and not ended", "hello </think is", "R hello </think is") with { PromptTail = Open },
        Of("openai", "openai_gptoss", "thought and call, recipient before the channel",
            "<|channel|>analysis<|message|>a<|end|><|start|>assistant to=functions.get_weather<|channel|>commentary<|message|>{\"city\":\"X\"}<|cal"
                + "l|>", "R a", "C get_weather {\"city\":\"X\"}"),
        Of("openai", "openai_gptoss", "cut inside a channel's name loses nothing",
            "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>comm", "R a", "T <|start|>assistant<|channel|>comm"),
        Of("openai", "openai_gptoss", "cut inside the role: framing, reported as markup",
            "<|channel|>analysis<|message|>a<|end|><|start|>assi", "R a"),
        Of("hermes", "qwen3", "required: a cut array gives its complete calls", "[{\"name\":\"now\",\"parameters\":{}},{\"name\":\"get_w", "C now {}",
            "T {\"name\":\"get_w")
            with { Configure = options => With(options, CallShape.JsonArray, OutputToolChoice.Required) },
        Of("hermes", "qwen3", "named: the answer is the arguments", "{\"city\":\"X\"}", "C get_weather {\"city\":\"X\"}")
            with { Configure = options => With(options, CallShape.NamedArguments, OutputToolChoice.Named("get_weather")) },
        Of("hermes", "qwen3", "schema: the answer behind a thought is text", "plan</think>\n\n{\"a\":1}", "R plan", "T {\"a\":1}")
            with { PromptTail = Open, Configure = options => With(options, CallShape.None, default) },
        Of("hermes", "qwen3", "schema from the first token: without a prompt tail the answer is text at once", "{\"a\":1}", "T {\"a\":1}")
            with { Configure = options => With(options, CallShape.None, default) },
    ];

    public static IEnumerable<TheoryDataRow<int, string>> Rows =>
        Cases.Select((item, index) => new TheoryDataRow<int, string>(index, item.ToString()));

    [Theory]
    [MemberData(nameof(Rows))]
    public void Parse_Vector_GivesTheAgreedEventsForAnyChunking(int index, string name)
    {
        var item = Cases[index];
        Assert.Equal(name, item.ToString());
        FormatCaseTests.AssertAnyChunking(item);
    }

    [Theory]
    [InlineData("[TOOL_CALLS][{\"name\":\"now\",\"arguments\":{}}]")]
    [InlineData("[TOOL_CALLS]now{}")]
    public void Parse_MistralCall_HasAnIdOfNineAlphanumerics(string output)
    {
        var events = OutputParser.Create(OutputFormat.FromNames("mistral", "none"), new OutputParserOptions()).Parse(output);
        Assert.Matches("^[A-Za-z0-9]{9}$", Assert.Single(events, item => item.Kind == OutputEventKind.ToolCallStart).CallId);
    }

    [Theory]
    [InlineData("[TOOL_CALLS] [{\"name\":\"now\",\"arguments\":{},\"id\":\"aBc456789\"}]", true)]
    [InlineData("[TOOL_CALLS]now[CALL_ID]aBc456789[ARGS]{}", true)]
    [InlineData("[TOOL_CALLS]now[CALL_ID]aBc4567-9[ARGS]{}", false)]
    public void Parse_MistralCallWithAnId_KeepsItWhereTemplatesTakeIt(string output, bool kept)
    {
        var format = OutputFormat.FromNames("mistral", "none");
        Assert.Equal(kept, Id(new OutputParserOptions()) == "aBc456789");
        Assert.Matches("^[A-Za-z0-9]{9}$", Id(new OutputParserOptions { ReservedCallIds = new HashSet<string> { "aBc456789" } }));
        Assert.NotEqual("aBc456789", Id(new OutputParserOptions { ReservedCallIds = new HashSet<string> { "aBc456789" } }));

        string? Id(OutputParserOptions options) =>
            Assert.Single(OutputParser.Create(format, options).Parse(output), item => item.Kind == OutputEventKind.ToolCallStart).CallId;
    }

    [Fact]
    public void Parse_HarmonyEndOfSequenceBehindACall_IsNoText()
    {
        var format = OutputFormat.FromNames("openai", "openai_gptoss");
        var parser = OutputParser.Create(format, new OutputParserOptions { SpecialTokens = new Dictionary<int, string> { [7] = "<|endoftext|>" } });
        var events = new List<OutputEvent>();
        parser.Push("<|channel|>commentary to=functions.now<|message|>{}<|call|>", 1, events);
        parser.Push("<|endoftext|>", 7, events);
        parser.Push("<|start|>assistant<|channel|>final<|message|>b", 2, events);
        parser.Finish("stop", events);
        Assert.Equal(["C now {}", "T b"], OutputCase.Lines(events));
    }

    [Fact]
    public void Parse_IdOfTheModel_IsKeptOnceInAConversation()
    {
        const string Output =
            "<|START_ACTION|>[{\"tool_call_id\":\"0\",\"tool_name\":\"now\"},{\"tool_call_id\":\"0\",\"tool_name\":\"now\"}]<|END_ACTION|>";
        var format = OutputFormat.FromNames("cohere_command3", "none");
        string[] Ids(OutputParserOptions options) =>
            [.. OutputParser.Create(format, options).Parse(Output).Where(item => item.Kind == OutputEventKind.ToolCallStart)
                .Select(item => item.CallId!)];
        var first = Ids(new OutputParserOptions());
        Assert.Equal("0", first[0]);
        Assert.StartsWith("call_", first[1], StringComparison.Ordinal);
        Assert.All(Ids(new OutputParserOptions { ReservedCallIds = new HashSet<string> { "0" } }),
            id => Assert.StartsWith("call_", id, StringComparison.Ordinal));
    }

    private static OutputCase Of(string tools, string reasoning, string name, string output, params string[] expected) =>
        new(name, output, expected) { Tools = tools, Reasoning = reasoning };

    private static OutputParserOptions With(OutputParserOptions options, CallShape shape, OutputToolChoice choice) =>
        new() { PromptTail = options.PromptTail, Tools = options.Tools, ReportMarkup = true, CallShape = shape, ToolChoice = choice };
}
