namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>One tool in the OpenAI form.</summary>
internal sealed class PromptTool
{
    private static readonly string[] FunctionKeys = ["name", "description", "parameters", "strict"];

    private PromptTool(PromptValue type, string name, PromptValue function) => (Type, Name, Function) = (type, name, function);

    /// <summary>The tool's <c>type</c>.</summary>
    public PromptValue Type { get; }

    public string Name { get; }

    /// <summary>The function as vLLM's Python front end passes it on.</summary>
    public PromptValue Function { get; }

    public string? Description => Function["description"]?.StringOrNull;

    public PromptValue? Parameters => Function.NotNull("parameters");

    public PromptValue? Strict => Function.NotNull("strict");

    /// <summary>A tool of the request: name, description and parameters are always there (null when not given), unknown keys vanish.</summary>
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

    /// <summary>
    /// A developer message's own tool: known keys in their usual order, nothing filled up; printed as given when it holds anything else.
    /// </summary>
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

    /// <summary>The tools that a message carries.</summary>
    public static IReadOnlyList<PromptTool> OfMessage(PromptMessage message) =>
        message.Tools is { } tools ? [.. tools.Items.Select((tool, index) => ReadOwn(tool, $"messages[{message.Index}].tools[{index}]"))] : [];
}

/// <summary>One tool call of an assistant message.</summary>
/// <param name="Id">The call's id.</param>
/// <param name="Name">Name of the function.</param>
/// <param name="Arguments">The arguments as the message holds them: JSON text, an object, or null.</param>
internal sealed record PromptToolCall(string Id, string Name, PromptValue? Arguments)
{
    /// <summary>The arguments as vLLM's Python front end reads them: whatever is no object counts as no arguments.</summary>
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

    /// <summary>The arguments as text: unchanged when the message holds text, else compact JSON.</summary>
    public string ArgumentsText => Arguments switch
    {
        null or { IsNull: true } => "",
        { IsString: true } => Arguments.Text,
        _ => JsonText.Of(Arguments, JsonStyle.RustCompact),
    };
}
