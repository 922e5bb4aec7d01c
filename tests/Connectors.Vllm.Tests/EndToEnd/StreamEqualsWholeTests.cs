using System.Text.Json;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>
/// Random conversations, options and answers: streamed and whole calls give the same response or the same error, however the server cuts its
/// messages, and the caller's objects stay as they were. A failure prints the seed that repeats it.
/// </summary>
public sealed class StreamEqualsWholeTests
{
    private const int Cases = 120;

    private static readonly DataContent Picture = new(new byte[] { 0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1 }, "image/png");

    private static readonly string[] Pieces =
    [
        "Hello there. ", "Grüße 漢字 😀 ", "a < b and <tool", "\n\n", "END of it ", "{\"a\": [1, 2, {\"b\": null}]}", "👩‍👩‍👧‍👦",
        "<tool_call>not json</tool_call>", "yes", "[\"x\"]",
        "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>",
        "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Zürich </tool_call>\", \"days\": 3}}\n</tool_call>",
        "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": ", "<think>", "</think>", "\r\n\t ", "\u0000\uFFFD",
    ];

    /// <summary>One value, or unset in about two of three cases.</summary>
    private static Gen<Action<ChatOptions>> Maybe<T>(Gen<T> values, Action<ChatOptions, T> set) => Gen.Frequency(
        (2, Gen.Constant<Action<ChatOptions>>(static _ => { })),
        (1, values.Select<T, Action<ChatOptions>>(value => options => set(options, value))));

    private static Gen<string> Text { get; } = Gen.Elements(Pieces).ListOf().Select(static pieces => string.Concat(pieces.Take(6)));

    private static Gen<string> Answer { get; } =
        from thought in Gen.Elements("", "", "<think>\nHm, 漢字 END.\n</think>\n\n", "<think>\nA thought without an end ")
        from text in Text
        select thought + text;

    private static Gen<ChatOptions> Options { get; } = Gen.CollectToArray(new[]
    {
        Maybe(Gen.Elements<ChatToolMode>(ChatToolMode.Auto, ChatToolMode.None, ChatToolMode.RequireAny, ChatToolMode.RequireSpecific("now")), static (
            options, mode) =>
        {
            options.Tools = [TestTools.Weather, TestTools.Now, TestTools.Declared];
            options.ToolMode = mode;
        }),
        Maybe(Gen.Constant(true), static (options, _) => options.Tools = [TestTools.Weather, TestTools.Now]),
        Maybe(Gen.Elements(true, false), static (options, several) => options.AllowMultipleToolCalls = several),
        Maybe(Gen.Elements("END", "\n\n\n", "字", "o t", "}"), static (options, stop) => options.StopSequences = [stop, "never"]),
        Maybe(Gen.Choose(1, 60), static (options, limit) => options.MaxOutputTokens = limit),
        Maybe(Gen.Elements(ReasoningEffort.None, ReasoningEffort.Low, ReasoningEffort.High),
            static (options, effort) => (options.Reasoning ??= new ReasoningOptions()).Effort = effort),
        Maybe(Gen.Elements(ReasoningOutput.None, ReasoningOutput.Full),
            static (options, output) => (options.Reasoning ??= new ReasoningOptions()).Output = output),
        Maybe(Gen.Choose(0, 3), static (options, alternatives) => options.Logprobs = alternatives),
        Maybe(Gen.Choose(0, 2), static (options, alternatives) => options.PromptLogprobs = alternatives),
        Maybe(Gen.Constant(true), static (options, _) => options.ReturnTokenIds = true),
        Maybe(Gen.Choose(2, 4), static (options, choices) => options.ChoiceCount = choices),
        Maybe(Gen.Choose(0, 5), static (options, kind) => SetConstraint(options, kind)),
        Maybe(Gen.Choose(1, 1000), static (options, seed) => options.Seed = seed),
        Maybe(Gen.Choose(0, 100),
            static (options, percent) => (options.Temperature, options.MinP, options.TopK) = (percent / 50f, percent / 100f, percent)),
        Maybe(Text, static (options, text) => options.Instructions = text),
        Maybe(Gen.Elements(true, false), static (options, allow) => options.AllowControlTokensInContent = allow),
        Maybe(Gen.Choose(20, 200), static (options, keep) => options.TruncatePromptTokens = keep),
        Maybe(Gen.Constant(true), static (options, _) => options.ChatTemplateArguments = new Dictionary<string, object?>
            { ["enable_thinking"] = false, ["other"] = new[] { 1, 2 } }),
        Maybe(Gen.Elements(5, 9), static (options, id) => options.StopTokenIds = [id]),
    }, static setter => setter).Select(static setters =>
    {
        var options = new ChatOptions();
        foreach (var set in setters)
        {
            set(options);
        }

        return options;
    });

    private static Gen<List<ChatMessage>> Conversation { get; } =
        from turns in Gen.Choose(0, 3)
        from texts in Text.ArrayOf(8)
        from shape in Gen.Choose(0, 3).ArrayOf(4)
        select Converse(turns, texts, shape);

    private static Gen<(ScriptedReply Reply, ScriptedReply Recut)> Reply { get; } =
        from texts in Answer.ArrayOf(4)
        from size in Gen.Choose(1, 6)
        from other in Gen.Choose(1, 20)
        from first in Gen.Choose(0, 5)
        from delivery in Gen.Elements(MessageDelivery.OneByOne, MessageDelivery.Together, MessageDelivery.SingleBytes)
        select Script(texts, size, other, first, delivery);

    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    [ContractPoint(11, 29, 30)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Response_RandomRequestsAndChunks_IsTheSameStreamedAndWhole(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol, server =>
        {
            server.AcceptsMedia = true;
            server.ModelDirectory = VisionModelFolder.Path;
        });
        var answered = 0;
        var cases = from options in Options
                    from messages in Conversation
                    from reply in Reply
                    select (options, messages, reply);

        // FsCheck's properties are synchronous; this waits for the calls on a thread of its own.
        await Task.Factory.StartNew(
            () => Check.One(Config.QuickThrowOnFailure.WithMaxTest(Cases).WithQuietOnSuccess(true), Prop.ForAll(Arb.From(cases), one =>
            {
                answered += CompareAsync(served, one.options, one.messages, one.reply).WaitAsync(TimeSpan.FromSeconds(30)).GetAwaiter().GetResult();
            })),
            Served.Cancel, TaskCreationOptions.LongRunning, TaskScheduler.Default);

        Assert.True(answered > Cases / 2, $"only {answered} of {Cases} requests were answered");
    }

    /// <summary>Returns 1 when there was an answer, 0 when all three calls failed in the same way.</summary>
    private static async Task<int> CompareAsync(
        Served served, ChatOptions options, List<ChatMessage> messages, (ScriptedReply Reply, ScriptedReply Recut) reply)
    {
        (var optionsBefore, var messagesBefore) = (Snapshot.Of(options), Snapshot.Of(messages));

        served.Server.Reply(reply.Reply);
        (var streamed, var streamError) = await TryAsync(async () => (await served.StreamAsync(messages, options)).ToChatResponse());
        (var whole, var wholeError) = await TryAsync(() => served.AskAsync(messages, options));
        served.Server.Reply(reply.Recut);
        (var recut, var recutError) = await TryAsync(() => served.AskAsync(messages, options));

        Assert.Equal(optionsBefore, Snapshot.Of(options));
        Assert.Equal(messagesBefore, Snapshot.Of(messages));
        Assert.Equal(wholeError, streamError);
        Assert.Equal(wholeError, recutError);
        if (whole is null)
        {
            return 0;
        }

        Assert.Equal(Snapshot.WithoutIds(whole), Snapshot.WithoutIds(streamed!));
        Assert.Equal(Contents(whole), Contents(recut!));
        return 1;
    }

    private static async Task<(ChatResponse? Response, string? Error)> TryAsync(Func<Task<ChatResponse>> call)
    {
        try
        {
            return (await call(), null);
        }
        catch (Exception error) when (error is VllmException or ArgumentException)
        {
            return (null, error.GetType().Name + (error as VllmException)?.StatusCode);
        }
    }

    private static void SetConstraint(ChatOptions options, int kind)
    {
        switch (kind)
        {
            case 0:
                options.ResponseFormat = ChatResponseFormat.Json;
                break;
            case 1:
                options.ResponseFormat = ChatResponseFormat.ForJsonSchema(
                    JsonDocument.Parse("""{"type":"object","properties":{"a":{"type":"array"}}}""").RootElement.Clone());
                break;
            case 2:
                options.OutputChoices = ["yes", "no"];
                break;
            case 3:
                options.OutputRegex = "[a-z]+";
                break;
            case 4:
                options.OutputGrammar = "root ::= \"yes\"";
                break;
            default:
                options.ResponseFormat = ChatResponseFormat.Text;
                break;
        }
    }

    private static List<ChatMessage> Converse(int turns, string[] texts, int[] shape)
    {
        List<ChatMessage> messages = shape[3] == 0 ? [new(ChatRole.System, texts[7])] : [];
        for (var turn = 0; turn < turns; turn++)
        {
            messages.Add(User(texts[turn], shape[turn]));
            var id = $"call-{turn}";
            messages.Add(new ChatMessage(ChatRole.Assistant, shape[turn] == 1
                ? [new TextReasoningContent("Hm."), new TextContent(texts[turn + 4]),
                    new FunctionCallContent(id, "now", new Dictionary<string, object?> { ["at"] = texts[turn] })]
                : [new TextContent(texts[turn + 4])]));
            if (shape[turn] == 1)
            {
                messages.Add(
                    new ChatMessage(ChatRole.Tool,
                        [new FunctionResultContent(id, turn == 0 ? new AIContent[] { new TextContent("Look: "), Picture } : texts[turn])]));
            }
        }

        messages.Add(User("Question " + texts[3], shape[3]));
        return messages;
    }

    private static ChatMessage User(string text, int shape) =>
        new(ChatRole.User, shape == 2 ? [new TextContent(text), Picture, new TextContent("and"), Picture] : [new TextContent(text)]);

    private static (ScriptedReply Reply, ScriptedReply Recut) Script(string[] texts, int size, int other, int first, MessageDelivery delivery)
    {
        var reply = new ScriptedReply
        {
            Text = texts[0],
            TokensPerMessage = size,
            Delivery = delivery,
            CachedTokens = 0,
            Alternatives = [.. texts[1..].Select(text => new ScriptedReply { Text = text })],
        };
        return (reply, reply with { TokensPerMessage = other, Delivery = MessageDelivery.OneByOne, MessageSizes = [0, first, 0] });
    }

    /// <summary>What was said and how it ended; how many tokens came behind a stop depends on how the server cuts its messages.</summary>
    private static string Contents(ChatResponse response) => JsonSerializer.Serialize(
        response.Messages.Select(message => string.Join('|', message.Contents.Select(content => content switch
        {
            FunctionCallContent call => $"call {call.Name} {JsonSerializer.Serialize(call.Arguments, AIJsonUtilities.DefaultOptions)}",
            TextReasoningContent thought => "thought " + thought.Text,
            _ => "text " + content,
        }))).Append(response.FinishReason?.Value).ToList());
}
