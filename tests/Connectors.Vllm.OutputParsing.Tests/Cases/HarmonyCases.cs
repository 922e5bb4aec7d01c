namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>Headers of harmony as gpt-oss writes them, and as it should not: no control token is text, and the messages behind are found.</summary>
internal static class HarmonyCases
{
    private const string Weather = """C get_weather {"city":"X"}""";
    private const string Final = "<|start|>assistant<|channel|>final<|message|>a<|return|>";
    private const string Arguments = "<|message|>{\"city\":\"X\"}<|call|>";

    // Headers that end without a message: nothing of them is text, whichever marker ends them.
    private static readonly string[] Cut =
    [
        "<|channel|>??", "<|channel|>", "<|channel|>analysis", "<|channel|>commentary", "<|channel|>final", "<|channel|>commentary to=functions.now",
        "<|channel|>commentary to=functions.now <|constrain|>json", "<|channel|>commentary <|constrain|>edit: the file, now", "<|start|>assistant",
        "<|start|>assistant to=functions.get_weather<|channel|>commentary", "<|channel|>analysis<|channel|>commentary", "<|constrain|>json",
            "<|channel|>a b c d",
        "<|channel|>final <|constrain|>{\"a\": 1}", "",
    ];

    // Headers of calls, from the end of the prompt on.
    private static readonly string[] Calls =
    [
        "<|channel|>commentary to=functions.get_weather <|constrain|>json",
        "<|channel|>commentary to=functions.get_weather<|constrain|>json",
        "<|channel|>commentary to=functions.get_weather json",
        "<|channel|>commentary to=functions.get_weather",
        "<|channel|>commentary  to=functions.get_weather  <|constrain|>json ",
        "<|channel|>commentary\nto=functions.get_weather\n<|constrain|>json",
        "<|channel|>commentaryto=functions.get_weather",
        "<|channel|>analysis to=functions.get_weather code",
        "<|channel|>final to=functions.get_weather <|constrain|>json",
        "<|channel|>commentary to=get_weather <|constrain|>json",
        "<|channel|>commentary to= functions.get_weather",
        "<|channel|>commentary functions.get_weather <|constrain|>json",
        "<|channel|>commentary get_weather <|constrain|>json",
        "<|channel|>commentary get_weather",
        "<|channel|>commentary get_weather json",
        "<|channel|>get_weather",
        "<|channel|>get_weather <|constrain|>json",
        "<|channel|>functions.get_weather",
        "<|channel|>functions.get_weather <|constrain|>json",
        "<|channel|>to=functions.get_weather",
        "<|channel|>commentary to=functions.get_weather<|channel|>commentary",
        "<|channel|>commentary to=functions.get_weather <|constrain|>json extra words",
        " to=functions.get_weather<|channel|>commentary <|constrain|>json",
        " to=functions.get_weather<|channel|>analysis",
        " to=functions.get_weather <|constrain|>json<|channel|>commentary",
        " to=functions.get_weather",
        " to=get_weather<|channel|>commentary",
        " functions.get_weather<|channel|>commentary",
        " get_weather<|channel|>commentary",
        "<|start|>assistant<|channel|>commentary to=functions.get_weather",
        "<|start|>assistant to=functions.get_weather<|channel|>commentary json",
        "assistant<|channel|>commentary to=functions.get_weather",
    ];

    public static IEnumerable<OutputCase> All => Rows().Select(item => item with { Tools = "openai", Reasoning = "openai_gptoss",
        PromptTail = "<|start|>assistant" });

    private static IEnumerable<OutputCase> Rows()
    {
        const string Thought = "<|channel|>analysis<|message|>t<|end|><|start|>assistant";
        foreach (var header in Cut)
        {
            foreach (var end in (string[])["<|end|>", "<|call|>", "<|return|>"])
            {
                yield return new OutputCase($"'{header}' ended by {end}", header + end + Final, "T a");
            }

            yield return new OutputCase($"'{header}' behind a thought", Thought + header + "<|end|>" + Final, "R t", "T a");
        }

        foreach (var header in Calls)
        {
            yield return new OutputCase($"header '{header}'", header + Arguments, Weather);
            yield return new OutputCase($"header '{header}' behind a thought", Thought + header + Arguments, "R t", Weather);
            yield return new OutputCase($"header '{header}' before an answer", header + Arguments + Final, Weather, "T a");
        }

        OutputCase[] others =
        [
            new("a tool with a dot", "<|channel|>commentary to=functions.math.add<|message|>{\"a\":1,\"b\":2}<|call|>",
                """C math.add {"a":1,"b":2}"""),
            new("a tool with hyphens", "<|channel|>commentary to=functions.mcp-x__list-files<|message|>{}<|call|>", "C mcp-x__list-files {}"),
            new("an unknown tool", "<|channel|>commentary to=functions.nope<|message|>{}<|call|>", "C nope {}"),
            new("no arguments", "<|channel|>commentary to=functions.now<|message|><|call|>", "C now {}"),
            new("line breaks in arguments", "<|channel|>commentary to=functions.write<|message|>{\n  \"content\": \"a\nb\"\n}\n<|call|>",
                """C write {"content":"a\nb"}"""),
            new("a call ended by the next message", "<|channel|>commentary to=functions.now<|message|>{}" + Final, "C now {}", "T a"),
            new("a call ended by the output", "<|channel|>commentary to=functions.now<|message|>{}", "C now {}"),
            new("a built-in tool is a thought", "<|channel|>analysis to=python code<|message|>print(1)<|call|>", "R print(1)"),
            new("a built-in tool of a browser", "<|channel|>commentary to=browser.search<|message|>{}<|call|>", "R {}"),
            new("a result that the model made up", "<|start|>functions.get_weather to=assistant<|channel|>commentary<|message|>{\"t\":1}<|end|>",
                "T {\"t\":1}"),
            new("a preamble",
                "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant to=functions.now<|channel|>commentary<|message|>{}<|call|>",
                "T I look.", "C now {}"),
            new("an answer with a content type", "<|channel|>final <|constrain|>json<|message|>{\"a\":1}<|return|>", "T {\"a\":1}"),
            new("an answer without its end", "<|channel|>final<|message|>a", "T a"),
            new("an answer without a header", "a b", "T a b"),
            new("a channel nobody knows", "<|channel|>thoughts<|message|>a<|end|>", "T a"),
            new("no channel", "<|message|>a<|end|>", "T a"),
            new("no start before the second message", "<|channel|>analysis<|message|>t<|end|><|channel|>final<|message|>a<|return|>", "R t", "T a"),
            new("no end of the first message", "<|channel|>analysis<|message|>t<|channel|>final<|message|>a<|return|>", "R t", "T a"),
            new("nothing but ends", "<|end|><|return|><|call|>"),
            new("ends behind the answer", "<|channel|>final<|message|>a<|return|><|return|><|end|>", "T a"),
            new("two calls",
                "<|channel|>commentary to=functions.now<|message|>{}<|call|><|start|>assistant<|channel|>commentary to=functions.get_weather"
                + Arguments,
                "C now {}", Weather),
            new("markers in an answer", "<|channel|>final<|message|>a<|constrain|>b<|message|>c<|return|>", "T abc"),
            new("a header of more than 512 characters is none", "<|channel|>x " + new string('y', 600) + "<|message|>z<|end|>", "T x "
                + new string('y', 600) + "z"),
        ];
        foreach (var item in others)
        {
            yield return item;
        }
    }
}
