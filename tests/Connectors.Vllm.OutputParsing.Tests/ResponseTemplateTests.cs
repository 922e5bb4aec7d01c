namespace Connectors.Vllm.OutputParsing.Tests;

public sealed class ResponseTemplateTests
{
    private const string Json = """
        {"version": 1, "defaults": {"role": "assistant"}, "start_anchor": "<|im_start|>assistant\n", "fields": {
          "thinking": {"open_pattern": "\\s*<think>\\s*", "close_pattern": "\\s*</think>\\s*"},
          "content": {"close": "<|im_end|>"},
          "tool_calls": {"open_pattern": "\\s*<call>", "close": "</call>", "content": "json", "repeats": true,
            "transform": {"type": "function", "function": {"name": "{content.name}", "arguments": "{content.arguments}"}}}}}
        """;

    private const string Xml = """
        {"start_anchor": "A:", "fields": {"content": {}, "tool_calls": {"open_pattern": "<fn=(?P<name>[^>\\n]+)>", "close": "</fn>", "content": "xml-inline", "repeats": true,
          "content_args": {"tag_pattern": "<p=(?P<key>[^>]+)>(?P<value>.*?)</p>", "value_parser": {"name": "text", "args": {"strip": false}}},
          "transform": {"function": {"name": "{name}", "arguments": "{content}"}}}}}
        """;

    [Theory]
    [InlineData("<think>a</think>\n\nb<|im_end|>ignored", null, "R a", "T b")]
    [InlineData("a</think>b", "<|im_start|>assistant\n<think>\n", "R a", "T b")]
    [InlineData("x<call>{\"name\": \"now\", \"arguments\": {}}</call>\n<call>{\"name\": \"get_weather\", \"arguments\": {\"days\": \"3\"}}</call>",
        null, "T x", "C now {}", "C get_weather {\"days\": 3}")]
    [InlineData("<call>oops</call>y", null, "T <call>oops</call>y")]
    [InlineData("<call>{\"name\": \"now\"", null, "T <call>{\"name\": \"now\"")]
    [InlineData("a <thi b", null, "T a <thi b")]
    [InlineData("<call>{\"name\": \"now\"}</call>\n\n<call>{\"name\": \"now\"}</call>\n", null, "C now {}", "C now {}")]
    [InlineData(" \n", null, "T  \n")]
    [InlineData("a<|im_end|><<|im_end|>", null, "T a")]
    [InlineData(
        "<call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"a\", \"city\": \"b\"}}</call>", null, "C get_weather {\"city\": \"b\"}")]
    [InlineData("<call>{\"name\": \"write\", \"arguments\": {\"content\": \"a </call> \\\"b\\\"\"}}</call>y", null,
        "C write {\"content\": \"a </call> \\\"b\\\"\"}", "T y")]
    [InlineData("<call>{\"name\": \"write\", \"arguments\": {\"content\": \"a\nb\"}}</call>", null, "C write {\"content\": \"a\\nb\"}")]
    [InlineData("<call>{\"a\": \"</call>y", null, "T <call>{\"a\": \"</call>y")]
    public void Parse_JsonTemplate_GivesExpectedEventsForAnyChunking(string output, string? tail, params string[] expected) =>
        Check(Json, output, tail, expected);

    [Theory]
    [InlineData("t<fn=get_weather><p=city> X </p><p=days>4</p></fn>u", null, "T t", "C get_weather {\"city\": \" X \", \"days\": 4}", "T u")]
    [InlineData("no <fn= here", null, "T no <fn= here")]
    [InlineData("<fn=write><p=content>see <fn=now></fn> and <fn=write><p=path>p</p></fn> so</p><p=path>q</p></fn>u", null,
        "C write {\"content\": \"see <fn=now></fn> and <fn=write><p=path>p</p></fn> so\", \"path\": \"q\"}", "T u")]
    [InlineData("<fn=write><p=content>see <fn=now></fn> and", null, "T <fn=write><p=content>see <fn=now></fn> and")]
    public void Parse_XmlTemplate_GivesExpectedEventsForAnyChunking(string output, string? tail, params string[] expected) =>
        Check(Xml, output, tail, expected);

    [Theory]
    [InlineData("    indented\n\tline\n\n")]
    [InlineData("  ")]
    [InlineData("a\r\nb")]
    public void Parse_InlineXmlWithoutValueParser_KeepsWhiteSpace(string value)
    {
        foreach (var parser in (string[])["", ", \"value_parser\": {\"name\": \"json\", \"args\": {\"allow_non_json\": true}}"])
        {
            var template = """
                {"start_anchor": "A:", "fields": {"content": {}, "tool_calls": {"open": "<call>", "close": "</call>", "content": "xml-inline",
                  "content_args": {"tag_pattern": "<p=(?P<key>[^>]+)>(?P<value>.*?)</p>"PARSER}, "transform": {"name": "write", "arguments": "{content}"}}}}
                """.Replace("PARSER", parser, StringComparison.Ordinal);
            Check(template, $"<call><p=content>{value}</p></call>", null,
                ["C write {\"content\": " + System.Text.Json.JsonSerializer.Serialize(value) + "}"]);
        }
    }

    [Fact]
    public void Push_SpecialTokenNoFieldKnows_IsMarkupWhereItStands()
    {
        var format = OutputFormat.Select(new OutputFormatHints { ResponseTemplate = Json });
        var parser = OutputParser.Create(
            format, new OutputParserOptions { SpecialTokens = new Dictionary<int, string> { [7] = "<|x|>" }, ReportMarkup = true });
        var events = new List<OutputEvent>();
        foreach (var (text, id) in new[] { ("a <", 1), ("<|x|>", 7), ("b", 1), ("<call>{\"name\":", 1), ("<|x|>", 7), ("\"now\"}</call>", 1) })
        {
            parser.Push(text, id, events);
        }

        parser.Finish("stop", events);
        Assert.Equal(["T a <b", "C now {}"], OutputCase.Lines(events));
        Assert.Equal("a <<|x|>b<call>{\"name\":<|x|>\"now\"}</call>", OutputCase.Raw(events));
    }

    [Theory]
    [InlineData("[T]a[/T]x[T]b[/T]y", null, "R a", "T x", "R --b", "T | y")]
    [InlineData("[T][/T]x[T]b[/T]", null, "T x", "R b")]
    [InlineData("b[/T]x", "A:[T]", "R b", "T x")]
    [InlineData("b[/T]x[T]c[/T]", "A:[T]a", "R b", "T x", "R --c")]
    public void Parse_JoinedRegions_StandBehindTheirSeparator(string output, string? tail, params string[] expected) => Check(
        """{"start_anchor": "A:", "fields": {"thinking": {"open": "[T]", "close": "[/T]", "repeats": true, "join": "--"}, "content": {"repeats": """
            + """true, "join": "| "}}}""", output, tail, expected, joined: true);

    [Theory]
    [InlineData("[T]a[/T]", "R a", "T (nothing)")]
    [InlineData("[T]a[/T]b", "R a", "T b")]
    public void Parse_FieldWithDefault_GetsItOnlyWhereTheOutputHoldsNone(string output, params string[] expected) => Check(
        """{"defaults": {"role": "assistant", "content": "(nothing)"}, "start_anchor": "A:", "fields": {"thinking": {"open": "[T]", "close": "[/T"""
            + """]"}, "content": {}}}""", output, null, expected, joined: true);

    [Theory]
    [InlineData("{\"start_anchor\": \"A\", \"fields\": {\"content\": {\"join\": \"x\"}}}")]
    [InlineData("{\"start_anchor\": \"A\", \"fields\": {\"content\": {\"repeats\": true, \"join\": 3}}}")]
    [InlineData("{\"start_anchor\": \"A\", \"defaults\": [], \"fields\": {\"content\": {}}}")]
    [InlineData("{}")]
    [InlineData("not json")]
    [InlineData("{\"fields\": {\"content\": {\"unknown\": 1}}}")]
    [InlineData("{\"other\": 1, \"fields\": {\"content\": {}}}")]
    [InlineData("{\"fields\": {\"a\": {}, \"b\": {}}}")]
    [InlineData("{\"fields\": {\"a\": {\"open_pattern\": \"(?=x)\"}}}")]
    public void Select_UnusableTemplate_ThrowsOnlyWhenAskedFor(string template)
    {
        Assert.Throws<OutputFormatException>(() => OutputFormat.Select(new OutputFormatHints { ToolParser = "hf", ResponseTemplate = template }));
        var format = OutputFormat.Select(new OutputFormatHints { ResponseTemplate = template });
        Assert.Equal("none", format.ToolParser);
        Assert.Contains("response_template", format.Warning, StringComparison.Ordinal);
    }

    [Fact]
    public void Push_SpecialTokenOfNoField_IsDropped()
    {
        var format = OutputFormat.Select(new OutputFormatHints { ResponseTemplate = Json });
        var parser =
            OutputParser.Create(format,
                new OutputParserOptions { SpecialTokens = new Dictionary<int, string> { [7] = "<|eot|>", [8] = "<|im_end|>" }, ReportMarkup = true });
        var events = new List<OutputEvent>();
        foreach (var (text, id) in new[] { ("<think>", 1), ("a<|eo", 2), ("t|>", 3), ("</think>b", 4), (new string("<|eot|>"), 7),
            ("c" + "<|eot|>", 7), ("<|im_end|>", 8) })
        {
            parser.Push(text, id, events);
        }

        parser.Finish("stop", events);
        Assert.Equal(["R a<|eot|>", "T bc"], OutputCase.Lines(events));
        Assert.Equal("<think>a<|eot|></think>b<|eot|>c<|eot|><|im_end|>", OutputCase.Raw(events));
    }

    [Fact]
    public void Select_BuiltInFamily_WinsOverTheTemplate() =>
        Assert.Equal("gemma4", OutputFormat.Select(new OutputFormatHints { ModelType = "gemma4", ResponseTemplate = Json }).ToolParser);

    /// <summary><paramref name="joined"/>: separators and defaults come out that the output does not hold.</summary>
    private static void Check(string template, string output, string? tail, string[] expected, bool joined = false)
    {
        var format = OutputFormat.Select(new OutputFormatHints { ResponseTemplate = template });
        Assert.Equal("hf", format.ToolParser);
        foreach (var size in (int[])[1, 2, 3, 5, 7, 1000])
        {
            var parser = OutputParser.Create(format, new OutputParserOptions { PromptTail = tail, Tools = TestTools.All, ReportMarkup = true });
            var events = new List<OutputEvent>();
            foreach (var chunk in output.Chunk(size))
            {
                parser.Push(chunk, events);
            }

            parser.Finish("stop", events);
            Assert.Equal(expected, OutputCase.Lines(events));
            Assert.True(joined || output == OutputCase.Raw(events));
        }
    }
}
