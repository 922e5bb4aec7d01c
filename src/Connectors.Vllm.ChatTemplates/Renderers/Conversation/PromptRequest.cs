using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>The parts of a <see cref="ChatTemplateInput"/> that the native renderers use.</summary>
internal sealed class PromptRequest
{
    private readonly IReadOnlyDictionary<string, object?> _kwargs;

    private PromptRequest(ChatTemplateInput input)
    {
        _kwargs = input.Kwargs ?? new Dictionary<string, object?>();
        AddGenerationPrompt = input.AddGenerationPrompt;
        ContinueFinalMessage = PromptValueReader.Read(input.ContinueFinalMessage, "continue_final_message").IsTruthy;
        Time = input.TimeProvider ?? TimeProvider.System;

        var messages = PromptValueReader.Read(input.Messages, "messages");
        if (!messages.IsArray && !messages.IsNull)
        {
            throw new ChatTemplateException("messages must be a list.");
        }

        Messages = [.. messages.Items.Select(PromptMessage.Read)];
        var replacement = Kwarg("tools");
        var tools = replacement ?? PromptValueReader.Read(input.Tools, "tools");
        if (!tools.IsArray && !tools.IsNull)
        {
            throw new ChatTemplateException("tools must be a list.");
        }

        HasEmptyTools = tools is { IsArray: true, Items.Count: 0 };

        Tools = [.. tools.Items.Select((tool, index) => PromptTool.Read(tool, $"tools[{index}]", keepAsGiven: replacement is not null))];
    }

    public IReadOnlyList<PromptMessage> Messages { get; }

    /// <summary>The tools; empty if there are none.</summary>
    public IReadOnlyList<PromptTool> Tools { get; }

    /// <summary>Whether the request has an empty list of tools instead of null.</summary>
    public bool HasEmptyTools { get; }

    public bool AddGenerationPrompt { get; }

    public bool ContinueFinalMessage { get; }

    public TimeProvider Time { get; }

    /// <param name="input">The input of a renderer.</param>
    /// <param name="allowsEmptyTools">Whether an empty list of tools is allowed, as in vLLM's Rust front end; its Python front end refuses
    /// it.</param>
    /// <exception cref="ChatTemplateException">The input has not the OpenAI form.</exception>
    public static PromptRequest Read(ChatTemplateInput input, bool allowsEmptyTools = false)
    {
        ArgumentNullException.ThrowIfNull(input);
        var request = new PromptRequest(input);
        if (request.AddGenerationPrompt && request.ContinueFinalMessage)
        {
            throw new ChatTemplateException("Cannot set both continue_final_message and add_generation_prompt.");
        }

        if (request.HasEmptyTools && !allowsEmptyTools)
        {
            throw new ChatTemplateException("tools must not be an empty list: leave it null when there are none.");
        }

        return request;
    }

    /// <summary>Gets an option, or null if it is missing, null or "auto", which vLLM removes.</summary>
    public PromptValue? Kwarg(string name) =>
        RawKwarg(name) is { IsNull: false } value && value.StringOrNull != "auto" ? value : null;

    /// <summary>Gets an option unchanged, or null if it is missing.</summary>
    public PromptValue? RawKwarg(string name) => _kwargs.TryGetValue(name, out var value) ? PromptValueReader.Read(value, name) : null;

    /// <summary>The names of all options.</summary>
    public IEnumerable<string> KwargNames => _kwargs.Keys;

    /// <exception cref="ChatTemplateException">The final message should be continued, but it is not the assistant's.</exception>
    public void RequireAssistantToContinue()
    {
        if (ContinueFinalMessage && (Messages.Count == 0 || Messages[^1].Role != "assistant"))
        {
            throw new ChatTemplateException("Cannot set continue_final_message when the last message is not from the assistant.");
        }
    }
}

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

    /// <summary>The reasoning, from <c>reasoning</c> or else <c>reasoning_content</c>; null if there is none.</summary>
    public string? Reasoning => (Value.NotNull("reasoning") ?? Value.NotNull("reasoning_content"))?.StringOrNull;

    public string? ToolCallId => Value["tool_call_id"]?.StringOrNull;

    public string? Name => Value["name"]?.StringOrNull;

    public string? Task => Value["task"]?.StringOrNull;

    /// <summary>The message's own tools; null if there are none.</summary>
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

    /// <summary>Gets the text of a part; empty if it is null or missing.</summary>
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

/// <summary>One tool in the OpenAI form.</summary>
internal sealed class PromptTool
{
    private static readonly string[] FunctionKeys = ["name", "description", "parameters", "strict"];

    private PromptTool(PromptValue type, string name, PromptValue function) => (Type, Name, Function) = (type, name, function);

    /// <summary>The tool's <c>type</c>.</summary>
    public PromptValue Type { get; }

    public string Name { get; }

    /// <summary>The function in the form that vLLM's Python front end passes on.</summary>
    public PromptValue Function { get; }

    public string? Description => Function["description"]?.StringOrNull;

    public PromptValue? Parameters => Function.NotNull("parameters");

    public PromptValue? Strict => Function.NotNull("strict");

    /// <summary>
    /// Reads a tool of the request: name, description and parameters are always present (null if missing), and unknown keys are removed.
    /// </summary>
    /// <exception cref="ChatTemplateException">The tool has not the OpenAI form.</exception>
    public static PromptTool Read(PromptValue tool, string where, bool keepAsGiven = false)
    {
        var function = tool["function"];
        if (function?["name"]?.StringOrNull is not { } name)
        {
            throw new ChatTemplateException($"{where} must be an object with a 'function' that has a 'name'.");
        }

        if (!keepAsGiven)
        {
            var members = new List<KeyValuePair<string, PromptValue>>
            {
                KeyValuePair.Create("name", PromptValue.OfString(name)),
                KeyValuePair.Create("description", function["description"] ?? PromptValue.Null),
                KeyValuePair.Create("parameters", function["parameters"] ?? PromptValue.Null),
            };
            if (function.NotNull("strict") is { } strict)
            {
                members.Add(KeyValuePair.Create("strict", strict));
            }

            if ((tool.NotNull("defer_loading") ?? function.NotNull("defer_loading")) is { } defer)
            {
                members.Add(KeyValuePair.Create("defer_loading", defer));
            }

            function = PromptValue.OfObject(members);
        }

        return new PromptTool(tool["type"] ?? PromptValue.OfString("function"), name, function);
    }

    /// <summary>Reads the tool of a developer message: known keys in their usual order, without defaults; unchanged if it has other keys.</summary>
    /// <exception cref="ChatTemplateException">The tool has not the OpenAI form.</exception>
    public static PromptTool ReadOwn(PromptValue tool, string where)
    {
        var given = Read(tool, where, keepAsGiven: true);
        var function = given.Function;
        var irregular = function.Members.Any(member => !FunctionKeys.Contains(member.Key)) || function["description"] is { IsNull: true };
        return irregular
            ? given
            : new PromptTool(given.Type, given.Name, PromptValue.OfObject(
                [.. FunctionKeys.Where(key => function[key] is not null).Select(key => KeyValuePair.Create(key, function[key]!))]));
    }

    /// <summary>Gets the tools of a message.</summary>
    public static IReadOnlyList<PromptTool> OfMessage(PromptMessage message) =>
        message.Tools is { } tools ? [.. tools.Items.Select((tool, index) => ReadOwn(tool, $"messages[{message.Index}].tools[{index}]"))] : [];
}

/// <summary>One tool call of an assistant message.</summary>
/// <param name="Id">The call's id.</param>
/// <param name="Name">Name of the function.</param>
/// <param name="Arguments">The arguments as in the message: JSON text, an object, or null.</param>
internal sealed record PromptToolCall(string Id, string Name, PromptValue? Arguments)
{
    /// <summary>The arguments as read by vLLM's Python front end: anything other than an object counts as no arguments.</summary>
    public PromptValue ParsedArguments
    {
        get
        {
            var value = Arguments;
            if (value?.StringOrNull is { } text)
            {
                PythonJsonReader.TryParse(text, JsonDialect.Python, out value, out _);
            }

            return value is { IsObject: true } ? value : PromptValue.OfObject([]);
        }
    }

    /// <summary>The arguments as text: unchanged if the message contains text, otherwise compact JSON.</summary>
    public string ArgumentsText => Arguments switch
    {
        null or { IsNull: true } => "",
        { IsString: true } => Arguments.Text,
        _ => JsonText.Of(Arguments, JsonStyle.RustCompact),
    };
}
