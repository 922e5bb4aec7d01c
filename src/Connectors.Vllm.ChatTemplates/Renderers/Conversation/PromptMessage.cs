using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>One message of the conversation in the OpenAI form, read once.</summary>
internal sealed class PromptMessage
{
    private PromptMessage(PromptValue value, int index, string role) => (Value, Index, Role) = (value, index, role);

    /// <summary>The whole message.</summary>
    public PromptValue Value { get; }

    /// <summary>Position in the conversation, from 0.</summary>
    public int Index { get; }

    public string Role { get; }

    /// <summary>A string or a list of parts; null when absent or JSON null.</summary>
    public PromptValue? Content => Value.NotNull("content");

    /// <summary>The reasoning, from <c>reasoning</c> or else <c>reasoning_content</c>; null when there is none.</summary>
    public string? Reasoning => (Value.NotNull("reasoning") ?? Value.NotNull("reasoning_content"))?.StringOrNull;

    public string? ToolCallId => Value["tool_call_id"]?.StringOrNull;

    public string? Name => Value["name"]?.StringOrNull;

    public string? Task => Value["task"]?.StringOrNull;

    /// <summary>The message's own tools that are given and not empty; null otherwise.</summary>
    public PromptValue? Tools => Value["tools"] is { IsArray: true, Items.Count: > 0 } tools ? tools : null;

    public IReadOnlyList<PromptToolCall> ToolCalls { get; private init; } = [];

    /// <exception cref="ChatTemplateException">The message has not the OpenAI form.</exception>
    public static PromptMessage Read(PromptValue value, int index)
    {
        if (value["role"]?.StringOrNull is not { } role)
        {
            throw new ChatTemplateException($"messages[{index}] must be an object with a string 'role'.");
        }

        var message = new PromptMessage(value, index, role) { ToolCalls = role == "assistant" ? ReadCalls(value, index) : [] };
        if (role != "assistant" && value["content"] is { IsNull: true })
        {
            throw message.Error("'content' must not be null");
        }

        if (message.Content is { IsString: false, IsArray: false })
        {
            throw message.Error("'content' must be a string or a list of parts");
        }

        if (message.Content is { IsArray: true } parts && parts.Items.Any(part => part["type"]?.StringOrNull is null))
        {
            throw message.Error("every content part must be an object with a string 'type'");
        }

        return message;
    }

    public ChatTemplateException Error(string what) => new($"messages[{Index}] (role '{Role}'): {what}.");

    /// <summary>The text of a part, also when it is null or missing (then empty).</summary>
    public static string PartText(PromptValue part, string key = "text") => part[key]?.StringOrNull ?? "";

    private static List<PromptToolCall> ReadCalls(PromptValue message, int index)
    {
        var calls = new List<PromptToolCall>();
        if (message.NotNull("tool_calls") is not { } given)
        {
            return calls;
        }

        if (!given.IsArray)
        {
            throw new ChatTemplateException($"messages[{index}]: 'tool_calls' must be a list.");
        }

        foreach (var call in given.Items)
        {
            var function = call["function"];
            if (function?["name"]?.StringOrNull is not { } name)
            {
                throw new ChatTemplateException($"messages[{index}]: every tool call must have a 'function' with a 'name'.");
            }

            if (call["id"]?.StringOrNull is not { } id)
            {
                throw new ChatTemplateException($"messages[{index}]: the tool call of '{name}' must have an 'id'.");
            }

            calls.Add(new PromptToolCall(id, name, function["arguments"]));
        }

        return calls;
    }
}
