namespace Connectors.Vllm.OutputParsing.Tests;

public sealed class OutputParserTests
{
    private const string Call = "<tool_call>{\"name\":\"now\"}</tool_call>";

    [Theory]
    [InlineData("one STOP two", "one ")]
    [InlineData("one STO", "one STO")]
    [InlineData("STOP", null)]
    [InlineData("SSTOP", "S")]
    [InlineData("a END b STOP", "a ")]
    [InlineData("aab", null)]
    public void Push_StopString_CutsAtEarliestMatchForAnyChunking(string output, string? expected)
    {
        foreach (var size in (int[])[1, 2, 3, 100])
        {
            var parser = Parser(new OutputParserOptions { StopStrings = ["STOP", "END", "aab"] });
            var events = Feed(parser, output, size);
            Assert.Equal(expected is null ? [] : ["T " + expected], OutputCase.Lines(events));
            Assert.Equal(expected != "one STO", parser.IsFinished);
            Assert.Equal(expected == "one STO", parser.MatchedStopString is null);
        }
    }

    [Fact]
    public void Push_StopStringIncluded_KeepsIt()
    {
        var parser = Parser(new OutputParserOptions { StopStrings = ["STOP"], IncludeStopString = true });
        Assert.Equal(["T a STOP"], OutputCase.Lines(Feed(parser, "a STOP b", 1)));
        Assert.Equal("STOP", parser.MatchedStopString);
    }

    [Theory]
    [InlineData(false, "R a STOP b", "T c ")]
    [InlineData(true, "R a ")]
    public void Push_StopStringInReasoning_FollowsOption(bool stopInReasoning, params string[] expected)
    {
        var parser = Parser(new OutputParserOptions { StopStrings = ["STOP"], StopInReasoning = stopInReasoning });
        Assert.Equal(expected, OutputCase.Lines(Feed(parser, "<think>a STOP b</think>c STOP d", 2)));
    }

    [Fact]
    public void Push_StopStringInArguments_DoesNotCut()
    {
        var parser = Parser(new OutputParserOptions { StopStrings = ["STOP"] });
        var events = Feed(parser, "<tool_call>{\"name\":\"write\",\"arguments\":{\"content\":\"STOP\"}}</tool_call>", 3);
        Assert.Equal(["C write {\"content\":\"STOP\"}"], OutputCase.Lines(events));
    }

    [Fact]
    public void Push_StopStringHeldBeforeCall_ComesOutBeforeIt()
    {
        var parser = Parser(new OutputParserOptions { StopStrings = ["STOP"] });
        Assert.Equal(["T a ST", "C now {}"], OutputCase.Lines(Feed(parser, "a ST" + Call, 1)));
    }

    [Fact]
    public void Push_ManyOverlappingStops_CutsWhereTheFirstIsComplete()
    {
        var parser = Parser(new OutputParserOptions { StopStrings = ["abcd", "bc"] });
        Assert.Equal(["T a"], OutputCase.Lines(Feed(parser, "abcd", 1)));
    }

    [Fact]
    public void Push_ToolChoiceNone_CallsAreText()
    {
        var parser = Parser(new OutputParserOptions { ToolChoice = OutputToolChoice.None });
        Assert.Equal(["T a" + Call + "b"], OutputCase.Lines(parser.Parse("a" + Call + "b")));
        Assert.Equal((0, 1), (parser.CallCount, parser.CallsAsText));
    }

    [Fact]
    public void Push_SingleCallAllowed_FinishesAfterFirst()
    {
        var parser = Parser(new OutputParserOptions { AllowMultipleToolCalls = false });
        Assert.Equal(["C now {}"], OutputCase.Lines(parser.Parse(Call + Call + "text")));
        Assert.True(parser.IsFinished);
    }

    [Fact]
    public void Push_ValidateNames_TurnsUnknownCallsIntoText()
    {
        var parser = Parser(new OutputParserOptions { ValidateNames = true, Tools = TestTools.All });
        const string Unknown = "<tool_call>{\"name\":\"nope\"}</tool_call>";
        Assert.Equal(["T " + Unknown, "C now {}"], OutputCase.Lines(parser.Parse(Unknown + Call)));
    }

    [Fact]
    public void Push_SpecialTokensByIdAndText_AreDroppedAfterParsing()
    {
        var specials = new Dictionary<int, string> { [5] = "<|im_end|>", [6] = "<|x|>" };
        var byText = Parser(new OutputParserOptions { SpecialTokens = specials });
        Assert.Equal(["T ab"], OutputCase.Lines(byText.Parse("a<|x|>b<|im_end|>")));

        var byId = Parser(new OutputParserOptions { SpecialTokens = specials });
        var events = new List<OutputEvent>();
        byId.Push("say <|im_end|> ", 9, events);
        byId.Push("<|x|>", 6, events);
        byId.Push("b", 9, events);
        byId.Push("<|im_end|>", 5, events);
        byId.Finish("stop", events);
        Assert.Equal(["T say <|im_end|> b"], OutputCase.Lines(events));
    }

    [Theory]
    [InlineData("<|channel|>commentary to=functions.now<|message|>{\"a\"", "commentary to=functions.now{\"a\"")]
    [InlineData("<|channel|>commentary to=functions.now<|message|>no JSON<|call|>", "commentary to=functions.nowno JSON")]
    [InlineData("<|channel|>ana", "ana")]
    public void Parse_HarmonyMessageThatIsNoCall_HasNoSpecialTokensInItsText(string output, string expected)
    {
        var specials = new[] { "<|start|>", "<|channel|>", "<|message|>", "<|call|>" }.Index().ToDictionary(pair => pair.Index, pair => pair.Item);
        var parser = OutputParser.Create(OutputFormat.FromNames("openai", "openai_gptoss"), new OutputParserOptions
        { Tools = TestTools.All, PromptTail = "<|start|>assistant", SpecialTokens = specials });
        Assert.Equal(["T " + expected], OutputCase.Lines(parser.Parse(output)));
    }

    [Fact]
    public void Push_MarkersAsTokens_AreFoundByIdWhateverTheirText()
    {
        var tokens = new Dictionary<string, int> { ["<think>"] = 1, ["</think>"] = 2, ["<tool_call>"] = 3 };
        var format = OutputFormat.FromNames("hermes", "qwen3", text => tokens.TryGetValue(text, out var id) ? id : null);
        var parser = OutputParser.Create(format, new OutputParserOptions { PromptTail = "<think>\n" });
        var events = new List<OutputEvent>();
        foreach (var (text, id) in new[] { ("the </think> tag", 9), ("\ufffd</think>", 2), ("\n\n", 9), ("<think>", 1), ("more", 9), ("</think>", 2),
            ("<tool_call>", 3), ("{\"name\":\"now\"}", 9) })
        {
            parser.Push(text, id, events);
        }

        parser.Finish("stop", events);
        Assert.Equal(["R the </think> tag\ufffdmore", "C now {}"], OutputCase.Lines(events));
    }

    [Fact]
    public void Push_PlainPiece_IsPassedOnAsTheSameString()
    {
        var parser = Parser(new OutputParserOptions());
        var events = new List<OutputEvent>();
        parser.Push("x", 1, events);
        var piece = new string("hello");
        parser.Push(piece, 2, events);
        Assert.Same(piece, events[^1].Text);
    }

    [Fact]
    public void Push_AfterFinish_Throws()
    {
        var parser = Parser(new OutputParserOptions());
        parser.Finish("stop", []);
        Assert.Throws<InvalidOperationException>(() => parser.Push("x", -1, new List<OutputEvent>()));
    }

    [Fact]
    public void Push_CallIds_FollowTheFormatAndAreUnique()
    {
        static IReadOnlyList<string> Ids(string tools, string output, OutputParserOptions? options = null) =>
            [.. OutputParser.Create(OutputFormat.FromNames(tools, "none"), options ?? new()).Parse(output)
                .Where(item => item.Kind == OutputEventKind.ToolCallStart).Select(item => item.CallId!)];

        Assert.Matches("^[A-Za-z0-9]{9}$", Assert.Single(Ids("mistral", "[TOOL_CALLS]now{}")));
        Assert.Matches("^call_[0-9a-f]{24}$", Assert.Single(Ids("hermes", Call)));
        const string Kimi = "<|tool_call_begin|>functions.now:3<|tool_call_argument_begin|>{}<|tool_call_end|>";
        Assert.Equal("functions.now:3", Assert.Single(Ids("kimi_k2", Kimi)));
        Assert.Equal(["functions.now:3", "functions.now:5"], Ids("kimi_k2", Kimi + Kimi, new OutputParserOptions { PriorCallCount = 3 }));
        Assert.Equal(
            "functions.now:8",
            Assert.Single(
                Ids("kimi_k2", Kimi, new OutputParserOptions { PriorCallCount = 7, ReservedCallIds = new HashSet<string> { "functions.now:3" } })));
        Assert.Equal(
            "mine-0-now", Assert.Single(Ids("hermes", Call, new OutputParserOptions { CallIds = (index, name, _) => $"mine-{index}-{name}" })));
    }

    [Theory]
    [InlineData("{\"city\":\"X\"}", "C get_weather {\"city\":\"X\"}")]
    [InlineData("plan</think>\n\n{\"city\":\"X\"}", "R plan", "C get_weather {\"city\":\"X\"}")]
    [InlineData("", "C get_weather {}")]
    [InlineData("{\"city\":\"X", "T {\"city\":\"X")]
    [InlineData("I cannot do that.", "T I cannot do that.")]
    [InlineData("plan</think>\n\nI cannot do that.", "R plan", "T I cannot do that.")]
    [InlineData("plan</think>", "R plan")]
    [InlineData(" \n", "T  \n")]
    [InlineData("[1]", "T [1]")]
    public void Push_NamedArguments_WholeAnswerIsTheCall(string output, params string[] expected)
    {
        foreach (var size in (int[])[1, 100])
        {
            var options = new OutputParserOptions
            {
                ToolChoice = OutputToolChoice.Named("get_weather"),
                CallShape = CallShape.NamedArguments,
                PromptTail = output.Contains("</think>", StringComparison.Ordinal) ? "<think>\n" : "",
            };
            Assert.Equal(expected, OutputCase.Lines(Feed(Parser(options), output, size)));
        }
    }

    [Theory]
    [InlineData("[{\"name\":\"now\",\"parameters\":{}},{\"name\":\"get_weather\",\"parameters\":{\"city\":\"X\"}}]", "C now {}",
        "C get_weather {\"city\":\"X\"}")]
    [InlineData("[{\"name\":\"now\",\"parameters\":{}},{\"name\":\"get_", "C now {}", "T {\"name\":\"get_")]
    [InlineData("no calls", "T no calls")]
    public void Push_JsonArray_ReadsTheGenericShape(string output, params string[] expected)
    {
        foreach (var size in (int[])[1, 4, 100])
        {
            Assert.Equal(
                expected,
                OutputCase.Lines(
                    Feed(Parser(new OutputParserOptions { CallShape = CallShape.JsonArray, ToolChoice = OutputToolChoice.Required }), output, size)));
        }
    }

    [Fact]
    public void Push_NoCallShape_LeavesSchemaAnswersAlone()
    {
        var parser = OutputParser.Create(
            OutputFormat.FromNames("llama3_json", "qwen3"), new OutputParserOptions { CallShape = CallShape.None, Tools = TestTools.All });
        Assert.Equal(["T {\"name\":\"now\"}"], OutputCase.Lines(parser.Parse("{\"name\":\"now\"}")));
    }

    [Fact]
    public void Create_NamedArgumentsWithoutName_Throws() =>
        Assert.Throws<OutputFormatException>(() => Parser(new OutputParserOptions { CallShape = CallShape.NamedArguments }));

    [Fact]
    public void Push_JsonAnswerOfALlama_StreamsAsSoonAsItsFirstKeyIsKnown()
    {
        var parser = OutputParser.Create(OutputFormat.FromNames("llama3_json", "none"), new OutputParserOptions { Tools = TestTools.All });
        var events = new List<OutputEvent>();
        parser.Push("{\"answer\": ", -1, events);
        Assert.Equal(["T {\"answer\": "], OutputCase.Lines(events));
    }

    private static OutputParser Parser(OutputParserOptions options) => OutputParser.Create(OutputFormat.FromNames("hermes", "qwen3"), options);

    private static List<OutputEvent> Feed(OutputParser parser, string output, int size)
    {
        var events = new List<OutputEvent>();
        foreach (var chunk in output.Chunk(size))
        {
            parser.Push(chunk, events);
        }

        parser.Finish("stop", events);
        return events;
    }
}
