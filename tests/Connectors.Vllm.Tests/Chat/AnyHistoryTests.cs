using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests;

/// <summary>
/// Histories that began with other providers, under templates that print less than they hold: nothing is lost.
/// </summary>
public sealed class AnyHistoryTests
{
    private const string Refused = "fireworks-ai-llama-3-firefunction-v2.jinja";

    private const string Calls =
        "{% for call in m.tool_calls or [] %}[{{ call.function.name }} {{ call.function.arguments|tojson }}]{% endfor %}";

    private const string NineCharacters =
        "{% for call in m.tool_calls or [] %}{% if call.id|length != 9 %}{{ raise_exception('IDs have length 9!') }}{% endif %}{% endfor %}";

    private const string OneCall =
        "{% if m.tool_calls and m.tool_calls|length > 1 %}{{ raise_exception('This model only supports single tool-calls at once!') }}{% endif %}";

    private const string Turns =
        "{% if m.role in ['user', 'assistant'] and not loop.first and messages[loop.index0 - 1].role == m.role and not m.tool_calls %}"
        + "{{ raise_exception('Conversation roles must alternate') }}{% endif %}";

    /// <summary>Templates of our own, one for each habit of real ones.</summary>
    private static readonly Dictionary<string, string> Own = new()
    {
        ["everything"] = Template("{{ m.content }}" + Calls),
        ["one call"] = Template(OneCall + "{% if m.tool_calls %}" + Calls + "{% else %}{{ m.content }}{% endif %}"),
        ["nine characters"] = Template(NineCharacters + "{{ m.content }}" + Calls),
        ["null content"] = Template("{% if m.content is none %}" + Calls + "{% else %}{{ m.content }}{% endif %}"),
        ["argument text"] = Template(
            "{{ m.content }}{% for call in m.tool_calls or [] %}{{ call.function.name + ' ' + call.function.arguments }}{% endfor %}"),
        ["id for a name"] = Template(
            "{{ m.content }}{% for call in m.tool_calls or [] %}[{{ call.id }} {{ call.function.arguments|tojson }}]{% endfor %}"),
        ["no calls"] = Template("{{ m.content }}"),
        ["no system"] = Template(
            "{% if m.role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{{ m.content }}" + Calls),
        ["system first"] = Template("{% if m.role != 'system' or loop.first %}{{ m.content }}{% endif %}" + Calls),
        ["text behind results"] =
            "{% for m in messages %}{% if m.role != 'tool' %}" + Calls
            + "{% if m.tool_calls %}{% for r in messages[loop.index:] if r.role == 'tool' %}({{ r.content }}){% endfor %}{% endif %}{{ m.content }}"
            + "{% endif %}{% endfor %}",
        ["turns"] = Template(Turns + "{{ m.content }}" + Calls),
        ["lists"] = Template(
            "{% if m.content is string %}{{ m.content }}{% else %}{% for part in m.content %}{{ part.text }}{% endfor %}{% endif %}" + Calls),
    };

    private static readonly Dictionary<string, ChatMessage[]> Histories = new()
    {
        ["plain"] = [System("Sysone"), User("Firstask"), Assistant(new TextContent("Firstsaid")), User("Secondask")],
        ["system later"] = [User("Firstask"), Assistant(new TextContent("Firstsaid")), System("Sysone"), User("Secondask")],
        ["equal roles"] = [User("Firstask"), User("Secondask"), Assistant(new TextContent("Firstsaid")), Assistant(new TextContent("Secondsaid")),
            User("Thirdask")],
        ["system, text beside a call, an answer"] =
        [
            System("Sysone"), User("Firstask"), Assistant(new TextContent("Firstsaid"), Call("call_1", "getone", "Oslo")), Tool(("call_1", "Resone")),
            Assistant(new TextContent("Secondsaid")), User("Secondask"),
        ],
        ["system, a running call"] = [System("Sysone"), User("Firstask"), Assistant(Call("call_1", "getone", "Oslo")), Tool(("call_1", "Resone"))],
        ["assistant first"] = [Assistant(new TextContent("Greeting")), User("Firstask")],
        ["parallel calls, text beside them (OpenAI)"] =
        [
            User("Firstask"), Assistant(new TextContent("Firstsaid"), Call("call_abc1", "getone", "Oslo"), Call("call_abc2", "gettwo", "Rome")),
            Tool(("call_abc1", "Resone")), Tool(("call_abc2", "Restwo")),
        ],
        ["results in one message, other order (Anthropic)"] =
        [
            User("Firstask"), Assistant(new TextContent("Firstsaid"), Call("toolu_01A", "getone", "Oslo"), Call("toolu_01B", "gettwo", "Rome")),
            new(ChatRole.User, [new FunctionResultContent("toolu_01B", "Restwo"), new FunctionResultContent("toolu_01A", "Resone")]),
        ],
        ["call alone (Ollama)"] = [User("Firstask"), Assistant(Call("getone-0", "getone", "Oslo")), Tool(("getone-0", "Resone")),
            Assistant(new TextContent("Firstsaid")), User("Secondask")],
        ["nine characters (Mistral)"] = [User("Firstask"), Assistant(Call("aB3dE6gH9", "getone", "Oslo")), Tool(("aB3dE6gH9", "Resone"))],
        ["two rounds, a failed call"] =
        [
            User("Firstask"), Assistant(Call("c1", "getone", "Oslo")),
                new(ChatRole.Tool, [new FunctionResultContent("c1", null) { Exception = new InvalidOperationException("Broken") }]),
            Assistant(Call("c2", "getone", "Rome")), Tool(("c2", "Restwo")),
        ],
        ["reasoning"] =
        [
            User("Firstask"), Assistant(new TextReasoningContent("Thinking"), new TextContent("Firstsaid"), Call("c1", "getone", "Oslo")),
                Tool(("c1", "Resone")),
        ],
    };

    public static TheoryData<string> Templates
    {
        get
        {
            var data = new TheoryData<string>(Own.Keys);
            if (TestPaths.Corpus is not null)
            {
                foreach (var file in Directory.EnumerateFiles(Path.Combine(TestPaths.Corpus, "chat-templates"), "*.jinja").Order())
                {
                    data.Add(Path.GetFileName(file));
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Templates))]
    public async Task Preview_HistoryOfAnotherProvider_HoldsEverything(string template)
    {
        var source = Own.GetValueOrDefault(template)
            ?? await File.ReadAllTextAsync(TestPaths.RequireCorpus($"chat-templates/{template}"), Served.Cancel);
        var profile = await ProfileAsync(source);
        if (template == Refused)
        {
            // It wants the tools in a variable of its own, in every conversation.
            var exception = Assert.Throws<VllmRequestException>(() => Preview(profile, Histories["plain"]));
            Assert.StartsWith("'functions' is undefined", exception.Message, StringComparison.Ordinal);
            return;
        }

        foreach (var (name, messages) in Histories)
        {
            var prompt = Preview(profile, messages);

            foreach (var word in Words(messages))
            {
                Assert.True(prompt.Contains(word, StringComparison.Ordinal), $"{name}: '{word}' is not in the prompt: {prompt}");
            }
        }
    }

    [Theory]
    [InlineData("meta-llama-Llama-3.1-8B-Instruct", "parallel calls, text beside them (OpenAI)")]
    [InlineData("meta-llama-Llama-3.1-8B-Instruct", "results in one message, other order (Anthropic)")]
    [InlineData("mistralai-Mistral-Nemo-Instruct-2407", "call alone (Ollama)")]
    [InlineData("mistralai-Mistral-Nemo-Instruct-2407", "system, text beside a call, an answer")]
    [InlineData("mistralai-Mistral-Nemo-Instruct-2407", "system, a running call")]
    [InlineData("google-gemma-4-31B-it", "system, text beside a call, an answer")]
    [InlineData("google-gemma-4-31B-it", "parallel calls, text beside them (OpenAI)")]
    [InlineData("Qwen-Qwen3-0.6B", "parallel calls, text beside them (OpenAI)")]
    [InlineData("GLM-5.2", "parallel calls, text beside them (OpenAI)")]
    [InlineData("cfg__lenml-deepseek_v3", "call alone (Ollama)")]
    [InlineData("cfg__lenml-deepseek_v3", "parallel calls, text beside them (OpenAI)")]
    [InlineData("moonshotai-Kimi-K2", "parallel calls, text beside them (OpenAI)")]
    [InlineData("ibm-granite-granite-3.3-2B-Instruct", "call alone (Ollama)")]
    public async Task Preview_RealTemplateWithTools_PrintsCallsOfOtherProviders(string template, string history)
    {
        var source = await File.ReadAllTextAsync(TestPaths.RequireCorpus($"chat-templates/{template}.jinja"), Served.Cancel);
        var options = new ChatOptions { Tools = [SampleTools.Weather] };

        var prompt = Preview(await ProfileAsync(source), Histories[history], options);

        Assert.All(Words(Histories[history]), word => Assert.Contains(word, prompt, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Preview_IdsOfAnotherShape_AreTheSameForCallAndResultAndInEveryTurn()
    {
        var profile = await ProfileAsync(Template(
            NineCharacters + "{% if m.role == 'tool' %}<{{ m.tool_call_id }}>{% endif %}{{ m.content }}"
            + "{% for call in m.tool_calls or [] %}({{ call.id }}){% endfor %}" + Calls));
        ChatMessage[] history = [User("Firstask"), Assistant(Call("call_1", "getone", "Oslo")), Tool(("call_1", "Resone"))];

        var first = Preview(profile, history);
        var second = Preview(profile, [.. history, Assistant(new TextContent("Firstsaid")), User("Secondask")]);

        var id = first[(first.IndexOf('(', StringComparison.Ordinal) + 1)..first.IndexOf(')', StringComparison.Ordinal)];
        Assert.Equal(9, id.Length);
        Assert.Contains($"<{id}>", first, StringComparison.Ordinal);
        Assert.Contains($"<{id}>", second, StringComparison.Ordinal);
        Assert.Contains($"({id})", second, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("m.role != 'tool'")]
    [InlineData("not (m.role == 'user' and m.content is string and m.content.startswith('Result'))")]
    public async Task Preview_TemplateDropsResults_TheyBecomeWhatTheUserSaysOrAreNamed(string printed)
    {
        var profile = await ProfileAsync(Template("{% if m.role != 'tool' and " + printed + " %}{{ m.content }}{{ m.tool_calls }}{% endif %}"));
        ChatMessage[] history = [User("Firstask"), Assistant(Call("c1", "getone", "Oslo")), Tool(("c1", "Resone"))];

        Assert.False(profile.TemplateAbilities!.PrintsToolResults);
        if (printed.StartsWith('m'))
        {
            Assert.Contains("<user>Result of getone:\nResone", Preview(profile, history), StringComparison.Ordinal);
        }
        else
        {
            var exception = Assert.Throws<VllmRequestException>(() => Preview(profile, history));
            Assert.Contains("of message 3 of 3", exception.Message, StringComparison.Ordinal);
            Assert.Contains(nameof(VllmGrpcOptions.AllowIncompletePrompts), exception.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Preview_TemplateDropsTextsOnPurpose_IsAllowedByTheOption()
    {
        // Only the content of the last two messages.
        const string Short = "{% for m in messages[-2:] %}{{ m.content }}{% endfor %}";
        ChatMessage[] history = [User("Firstask"), Assistant(new TextContent("Firstsaid")), User("Secondask")];
        var options = new VllmGrpcOptions { ChatTemplate = Short };
        var strict = await VllmModelProfile.FromDirectoryAsync(Served.TinyModelFolder, options, Served.Cancel);
        options.AllowIncompletePrompts = true;
        var tolerant = await VllmModelProfile.FromDirectoryAsync(Served.TinyModelFolder, options, Served.Cancel);

        Assert.Equal("FirstsaidSecondask", Preview(tolerant, history));
        Assert.Contains("the text of message 1 of 3", Assert.Throws<VllmRequestException>(() => Preview(strict, history)).Message);
    }

    [Theory]
    [MemberData(nameof(Templates))]
    public async Task Preview_RandomOrderInParallel_NeverDependsOnOtherConversations(string template)
    {
        var source = Own.GetValueOrDefault(template)
            ?? await File.ReadAllTextAsync(TestPaths.RequireCorpus($"chat-templates/{template}"), Served.Cancel);
        ChatOptions?[] options =
        [
            null, new ChatOptions { Tools = [SampleTools.Weather] },
            new ChatOptions { ChatTemplate = Own["one call"] }, new ChatOptions { ChatTemplate = source },
        ];
        var cases = Histories.SelectMany(history => options.Select(option => (Name: history.Key, Messages: history.Value, Options: option)))
            .ToArray();
        var first = await ProfileAsync(source);
        var alone = cases.Select(item => Outcome(first, item.Messages, item.Options)).ToArray();

        // A profile that has seen nothing gives the last case, and any other, what one gives that has seen the others before.
        var order = new Random(int.TryParse(Environment.GetEnvironmentVariable("VLLM_FUZZ_SEED"), out var seed) ? seed : 20261130);
        for (var run = 0; run < 3; run++)
        {
            var shared = await ProfileAsync(source);
            var indices = Enumerable.Range(0, cases.Length).ToArray();
            order.Shuffle(indices);
            await Parallel.ForEachAsync(indices, Served.Cancel, (index, _) =>
            {
                Assert.Equal(alone[index], Outcome(shared, cases[index].Messages, cases[index].Options));
                return ValueTask.CompletedTask;
            });
        }

        static string Outcome(VllmModelProfile profile, ChatMessage[] messages, ChatOptions? options)
        {
            try
            {
                return Preview(profile, messages, options);
            }
            catch (VllmRequestException exception)
            {
                return exception.Message;
            }
        }
    }

    [Fact]
    public async Task TemplateAbilities_OwnTemplates_AreWhatTheyWereWrittenFor()
    {
        Assert.Equal(new VllmTemplateAbilities { PrintsReasoning = false }, (await ProfileAsync(Own["everything"])).TemplateAbilities);
        Assert.False((await ProfileAsync(Own["one call"])).TemplateAbilities!.PrintsParallelCalls);
        Assert.False((await ProfileAsync(Own["one call"])).TemplateAbilities!.PrintsTextBesideCalls);
        Assert.Equal(VllmCallIdShape.NineLettersAndDigits, (await ProfileAsync(Own["nine characters"])).TemplateAbilities!.CallIds);
        Assert.Equal(VllmCallIdShape.FunctionNameAndIndex, (await ProfileAsync(Own["id for a name"])).TemplateAbilities!.CallIds);
        Assert.True((await ProfileAsync(Own["null content"])).TemplateAbilities!.NeedsNullContentBesideCalls);
        Assert.True((await ProfileAsync(Own["argument text"])).TemplateAbilities!.NeedsArgumentText);
        Assert.False((await ProfileAsync(Own["no calls"])).TemplateAbilities!.PrintsToolCalls);
        Assert.False((await ProfileAsync(Own["no system"])).TemplateAbilities!.PrintsSystem);
        Assert.False((await ProfileAsync(Own["system first"])).TemplateAbilities!.PrintsLaterSystem);
        Assert.False((await ProfileAsync(Own["turns"])).TemplateAbilities!.TakesEqualRoles);
    }

    [Theory]
    [MemberData(nameof(Templates))]
    public async Task Probing_AnyTemplate_RendersFewShortConversations(string template)
    {
        var source = Own.GetValueOrDefault(template)
            ?? await File.ReadAllTextAsync(TestPaths.RequireCorpus($"chat-templates/{template}"), Served.Cancel);
        var parsed = ChatTemplate.Parse(source);
        var counting = new CountingRenderer(parsed);

        foreach (var hasTools in new[] { false, true })
        {
            counting.Renders = 0;
            TemplateProbe.Run(counting, TemplateTraits.Of(source, parsed.ContentFormat), new ProbeInput(null, null, hasTools));

            // Each is a fraction of a millisecond; a load has two of these runs and no request any.
            Assert.InRange(counting.Renders, 1, 36);
        }
    }

    private static string Template(string message) =>
        "{% for m in messages %}<{{ m.role }}>" + message + "\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";

    private static string Preview(VllmModelProfile profile, IEnumerable<ChatMessage> messages, ChatOptions? options = null) =>
        VllmPromptPreview.Create(profile, messages, options).Text;

    private static Task<VllmModelProfile> ProfileAsync(string template) => VllmModelProfile.FromDirectoryAsync(
        Served.TinyModelFolder, new VllmGrpcOptions { ChatTemplate = template, ChatTemplateArguments = { ["bos_token"] = "<s>" } }, Served.Cancel);

    private static ChatMessage System(string text) => new(ChatRole.System, text);

    private static ChatMessage User(string text) => new(ChatRole.User, text);

    private static ChatMessage Assistant(params AIContent[] contents) => new(ChatRole.Assistant, [.. contents]);

    private static FunctionCallContent Call(string id, string name, string city) =>
        new(id, name, new Dictionary<string, object?> { ["city"] = city });

    private static ChatMessage Tool((string Id, string Result) result) => new(ChatRole.Tool, [new FunctionResultContent(result.Id, result.Result)]);

    /// <summary>Everything in a history except reasoning.</summary>
    private static IEnumerable<string> Words(IEnumerable<ChatMessage> messages) =>
        messages.SelectMany(message => message.Contents).SelectMany(content => content switch
    {
        TextReasoningContent => [],
        TextContent text => [text.Text],
        FunctionCallContent call => [call.Name, (string)call.Arguments!["city"]!],
        FunctionResultContent { Exception: { } exception } => [exception.Message],
        FunctionResultContent result => [(string)result.Result!],
        _ => Array.Empty<string>(),
    });

    private sealed class CountingRenderer(ChatPromptRenderer renderer) : ChatPromptRenderer
    {
        public int Renders { get; set; }

        public override RenderedPrompt Render(ChatTemplateInput input)
        {
            Renders++;
            Assert.True(input.Messages is ICollection<Dictionary<string, object?>> { Count: <= 6 });
            return renderer.Render(input);
        }
    }
}
