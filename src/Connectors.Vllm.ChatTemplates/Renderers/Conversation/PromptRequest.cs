namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>What the renderers read of a <see cref="ChatTemplateInput"/>.</summary>
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

    /// <summary>The tools; empty when there are none.</summary>
    public IReadOnlyList<PromptTool> Tools { get; }

    /// <summary>Whether the request has a list of tools without any in it, where null was meant.</summary>
    public bool HasEmptyTools { get; }

    public bool AddGenerationPrompt { get; }

    public bool ContinueFinalMessage { get; }

    public TimeProvider Time { get; }

    /// <param name="input">What a renderer was given.</param>
    /// <param name="allowsEmptyTools">Whether an empty list of tools counts as none, as vLLM's Rust front end has it; its Python front end refuses
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

    /// <summary>The option, or null when it is absent, null or the word "auto": vLLM drops these before a renderer looks.</summary>
    public PromptValue? Kwarg(string name) =>
        RawKwarg(name) is { IsNull: false } value && value.StringOrNull != "auto" ? value : null;

    /// <summary>The option as given, or null when it is absent.</summary>
    public PromptValue? RawKwarg(string name) => _kwargs.TryGetValue(name, out var value) ? PromptValueReader.Read(value, name) : null;

    /// <summary>The names of all options that are given.</summary>
    public IEnumerable<string> KwargNames => _kwargs.Keys;

    /// <exception cref="ChatTemplateException">The final message is to be continued, but it is not the assistant's.</exception>
    public void RequireAssistantToContinue()
    {
        if (ContinueFinalMessage && (Messages.Count == 0 || Messages[^1].Role != "assistant"))
        {
            throw new ChatTemplateException("Cannot set continue_final_message when the last message is not from the assistant.");
        }
    }
}
