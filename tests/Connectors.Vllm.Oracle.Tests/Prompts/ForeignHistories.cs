using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Oracle.Tests.Prompts;

/// <summary>
/// Histories as other providers, other models and applications leave them. Every text, name, argument and result is a word that occurs nowhere else.
/// </summary>
internal static class ForeignHistories
{
    public static IReadOnlyDictionary<string, ChatMessage[]> All { get; } = new Dictionary<string, ChatMessage[]>
    {
        ["plain"] = [System("Sysone"), User("Firstask"), Assistant("Firstsaid"), User("Secondask")],
        ["OpenAI: parallel calls, a message per result"] =
        [
            User("Firstask"), Assistant(Call("call_a1", "getone", "Oslo"), Call("call_a2", "gettwo", "Rome")),
            Tool(("call_a1", "Resone")), Tool(("call_a2", "Restwo")), Assistant("Firstsaid"), User("Secondask"),
        ],
        ["OpenAI: text beside parallel calls"] =
        [
            System("Sysone"), User("Firstask"),
            Assistant(new TextContent("Firstsaid"), Call("call_a1", "getone", "Oslo"), Call("call_a2", "gettwo", "Rome")),
            Tool(("call_a1", "Resone")), Tool(("call_a2", "Restwo")),
        ],
        ["Anthropic: results in a user's message, other order, words behind them"] =
        [
            User("Firstask"), Assistant(new TextContent("Firstsaid"), Call("toolu_01A", "getone", "Oslo"), Call("toolu_01B", "gettwo", "Rome")),
            new(ChatRole.User, [Result("toolu_01B", "Restwo"), Result("toolu_01A", "Resone"), new TextContent("Usersays")]),
        ],
        ["Anthropic: thoughts, text and a call"] =
        [
            User("Firstask"), Assistant(new TextReasoningContent("Thinking"), new TextContent("Firstsaid"), Call("toolu_01A", "getone", "Oslo")),
            Tool(("toolu_01A", "Resone")), Assistant("Secondsaid"), User("Secondask"),
        ],
        ["Ollama: a call alone, the name in the id"] =
        [
            User("Firstask"), Assistant(Call("getone-0", "getone", "Oslo")), Tool(("getone-0", "Resone")), Assistant("Firstsaid"), User("Secondask"),
        ],
        ["Mistral: ids of nine letters and digits"] =
            [System("Sysone"), User("Firstask"), Assistant(Call("aB3dE6gH9", "getone", "Oslo")), Tool(("aB3dE6gH9", "Resone"))],
        ["Kimi: ids of name and index"] =
            [User("Firstask"), Assistant(Call("functions.getone:0", "getone", "Oslo")), Tool(("functions.getone:0", "Resone"))],
        ["a failed call, then another"] =
        [
            User("Firstask"), Assistant(Call("c1", "getone", "Oslo")),
            new(ChatRole.Tool, [new FunctionResultContent("c1", null) { Exception = new InvalidOperationException("Broken") }]),
            Assistant(Call("c2", "getone", "Rome")), Tool(("c2", "Restwo")),
        ],
        ["an id used again in a later round"] =
        [
            User("Firstask"), Assistant(Call("c1", "getone", "Oslo")), Tool(("c1", "Resone")), Assistant("Firstsaid"), User("Secondask"),
            Assistant(Call("c1", "gettwo", "Rome")), Tool(("c1", "Restwo")),
        ],
        ["two calls of one id"] =
            [User("Firstask"), Assistant(Call("c1", "getone", "Oslo"), Call("c1", "gettwo", "Rome")), Tool(("c1", "Resone"), ("c1", "Restwo"))],
        ["a call without a result"] = [User("Firstask"), Assistant(Call("c1", "getone", "Oslo")), User("Secondask")],
        ["a result without a call"] = [User("Firstask"), Assistant("Firstsaid"), Tool(("c9", "Resone")), User("Secondask")],
        ["a result at once, without a call"] = [User("Firstask"), Tool(("c9", "Resone")), User("Secondask")],
        ["thoughts, text and a running call"] =
        [
            User("Firstask"), Assistant(new TextReasoningContent("Thinking"), new TextContent("Firstsaid"), Call("c1", "getone", "Oslo")),
            Tool(("c1", "Resone")),
        ],
        ["system text last"] = [User("Firstask"), Assistant("Firstsaid"), User("Secondask"), System("Sysone")],
        ["words between call and result"] =
            [User("Firstask"), Assistant(Call("c1", "getone", "Oslo")), User("Hurryup"), Tool(("c1", "Resone"))],
        ["a call awaiting approval, denied"] =
        [
            User("Firstask"), Assistant(new ToolApprovalRequestContent("r1", Call("c1", "getone", "Oslo"))),
            new(ChatRole.User, [new ToolApprovalResponseContent("r1", false, Call("c1", "getone", "Oslo")) { Reason = "Toodear" }]),
            User("Secondask"),
        ],
        ["a tool of the provider"] =
        [
            User("Firstask"),
            Assistant(
                new McpServerToolCallContent("c1", "getone", "server") { Arguments = new Dictionary<string, object?> { ["city"] = "Oslo" } },
                new McpServerToolResultContent("c1") { Outputs = [new TextContent("Resone")] },
                new TextContent("Firstsaid")),
            User("Secondask"),
        ],
        ["a result in parts"] =
        [
            User("Firstask"), Assistant(Call("c1", "getone", "Oslo")),
            new(ChatRole.Tool, [Result("c1", new AIContent[] { new TextContent("Resone"), new TextContent("Restwo") })]),
        ],
        ["a picture in a result"] =
        [
            User("Firstask"), Assistant(Call("c1", "getone", "Oslo")),
            new(ChatRole.Tool, [Result("c1", new AIContent[] { new TextContent("Resone"), new DataContent(new byte[] { 1 }, "image/png") })]),
        ],
        ["results that are no text, odd arguments"] =
        [
            User("Größe der 東京?"),
            Assistant(new FunctionCallContent("c1", "getone", new Dictionary<string, object?>
            {
                ["city"] = "Zürich \"quoted\" \\ 'single' <b>&", ["none"] = null, ["deep"] = JsonElement.Parse("""{"list":[1,2.5,true,"Inner"]}"""),
            })),
            new(ChatRole.Tool, [Result("c1", JsonElement.Parse("""{"t": 3, "deep": ["Resone"]}"""))]),
        ],
        ["a call without arguments, an empty result"] =
            [User("Firstask"), Assistant(new FunctionCallContent("c1", "getone")), Tool(("c1", "")), Assistant("Firstsaid"), User("Secondask")],
        ["system texts everywhere"] =
            [System("Sysone"), System("Systwo"), User("Firstask"), Assistant("Firstsaid"), System("Systhree"), User("Secondask")],
        ["equal roles"] =
            [User("Firstask"), User("Secondask"), Assistant("Firstsaid"), Assistant("Secondsaid"), User("Thirdask")],
        ["the assistant first, nothing said, texts in parts"] =
        [
            Assistant("Greeting"), new(ChatRole.User, [new TextContent("Firstask"), new TextContent("Secondask")]), Assistant(""), User("Thirdask"),
        ],
    };

    /// <summary>What a history says: texts, names, arguments, results. Thoughts are left out: most templates drop them on purpose.</summary>
    public static IEnumerable<string> Words(IEnumerable<ChatMessage> messages) => messages.SelectMany(message => message.Contents).SelectMany(Words);

    /// <summary>
    /// The history as vLLM's front end hands it to a template, or null where its HTTP API has no form for it.
    /// </summary>
    public static JsonArray? ForTemplate(IEnumerable<ChatMessage> messages, bool asLists)
    {
        var result = new JsonArray();
        foreach (var message in messages)
        {
            if (!message.Contents.All(content => content is TextContent or TextReasoningContent or FunctionCallContent or FunctionResultContent)
                || message.Contents.OfType<FunctionResultContent>().Any(
                    answer => answer.Result is IEnumerable<AIContent> parts && parts.Any(part => part is DataContent)))
            {
                return null;
            }

            foreach (var answer in message.Contents.OfType<FunctionResultContent>())
            {
                result.Add((JsonNode)new JsonObject { ["role"] = "tool", ["content"] = ResultText(answer), ["tool_call_id"] = answer.CallId });
            }

            var texts = message.Contents.OfType<TextContent>().Select(text => text.Text).ToList();
            if (texts.Count == 0 && message.Contents.Any(content => content is FunctionResultContent))
            {
                continue;
            }

            var entry = new JsonObject
            {
                ["role"] = message.Role.Value,
                ["content"] = asLists
                    ? new JsonArray([.. texts.Select(text => (JsonNode)new JsonObject { ["type"] = "text", ["text"] = text })])
                    : string.Join('\n', texts),
            };
            if (message.Contents.OfType<FunctionCallContent>().ToList() is { Count: > 0 } calls)
            {
                entry["tool_calls"] = new JsonArray([.. calls.Select(call => (JsonNode)new JsonObject
                {
                    ["id"] = call.CallId,
                    ["type"] = "function",
                    ["function"] = new JsonObject
                    {
                        ["name"] = call.Name,
                        ["arguments"] = JsonSerializer.SerializeToNode(call.Arguments ?? new Dictionary<string, object?>()),
                    },
                })]);
            }

            if (message.Contents.OfType<TextReasoningContent>().FirstOrDefault() is { } thought)
            {
                entry["reasoning"] = thought.Text;
                entry["reasoning_content"] = thought.Text;
            }

            result.Add((JsonNode)entry);
        }

        return result;
    }

    private static IEnumerable<string> Words(AIContent content) => content switch
    {
        TextContent text => [text.Text],
        FunctionCallContent { Arguments: { } arguments } call =>
            [call.Name, .. arguments.Values.SelectMany(value => value is string text ? Plain(text) : value is null ? [] : Plain(value.ToString()!))],
        FunctionCallContent call => [call.Name],
        FunctionResultContent { Exception: { } exception } => [exception.Message],
        FunctionResultContent { Result: IEnumerable<AIContent> parts } => parts.SelectMany(Words),
        FunctionResultContent result => Plain(result.Result!.ToString()!),
        McpServerToolCallContent call => [call.Name, .. call.Arguments!.Values.Select(value => (string)value!)],
        McpServerToolResultContent result => result.Outputs!.SelectMany(Words),
        ToolApprovalRequestContent request => Words(request.ToolCall),
        ToolApprovalResponseContent response => [response.Reason!],
        _ => [],
    };

    /// <summary>The words that no template escapes.</summary>
    private static IEnumerable<string> Plain(string text) =>
        text.Split([' ', '"', '\\', '\'', '<', '>', '&', '{', '}', '[', ']', ',', ':'])
            .Where(word => word.Length > 3 && word.All(char.IsAsciiLetter));

    private static string ResultText(FunctionResultContent answer) => answer switch
    {
        { Exception: { } exception } => $"Error: Exception while invoking function. {exception.Message}",
        { Result: IEnumerable<AIContent> parts } => string.Join('\n', parts.Cast<TextContent>().Select(part => part.Text)),
        _ => answer.Result!.ToString()!,
    };

    private static ChatMessage System(string text) => new(ChatRole.System, text);

    private static ChatMessage User(string text) => new(ChatRole.User, text);

    private static ChatMessage Assistant(string text) => new(ChatRole.Assistant, text);

    private static ChatMessage Assistant(params AIContent[] contents) => new(ChatRole.Assistant, [.. contents]);

    private static FunctionCallContent Call(string id, string name, string city) =>
        new(id, name, new Dictionary<string, object?> { ["city"] = city });

    private static FunctionResultContent Result(string id, object result) => new(id, result);

    private static ChatMessage Tool(params (string Id, string Result)[] results) =>
        new(ChatRole.Tool, [.. results.Select(result => Result(result.Id, result.Result))]);
}
