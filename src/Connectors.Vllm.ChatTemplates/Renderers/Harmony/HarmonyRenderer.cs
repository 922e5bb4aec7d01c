using System.Globalization;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>
/// The prompt of gpt-oss (https://cookbook.openai.com/articles/openai-harmony) as vLLM writes it. <c>reasoning_effort</c> is low, medium or high;
/// a prompt always ends with the opening of an assistant message, and a final message cannot be continued.
/// </summary>
/// <param name="date">The date in the prompt; null for the local date of the input's clock.</param>
internal sealed class HarmonyRenderer(DateOnly? date = null) : ChatPromptRenderer
{
    private const string Start = "<|start|>";
    private const string Channel = "<|channel|>";
    private const string Message = "<|message|>";
    private const string End = "<|end|>";

    /// <inheritdoc/>
    public override RenderedPrompt Render(ChatTemplateInput input)
    {
        var request = PromptRequest.Read(input);
        var messages = request.Messages;
        if (messages.FirstOrDefault(message => message.Role is not ("system" or "developer" or "user" or "assistant" or "tool")) is { } unknown)
        {
            throw unknown.Error("Harmony has no such role; the roles are system, developer, user, assistant and tool");
        }

        var prompt = new PromptBuilder();
        AppendSystem(prompt, request);
        var takesFirst = messages.Count > 0 && messages[0].Role is "system" or "developer";
        AppendDeveloper(prompt, takesFirst ? Flatten(messages[0]) : null, request.Tools);
        AppendConversation(prompt, takesFirst ? [.. messages.Skip(1)] : messages);
        return prompt.Markup(Start + "assistant").Build();
    }

    private void AppendSystem(PromptBuilder prompt, PromptRequest request)
    {
        var given = request.Kwarg("reasoning_effort");
        var effort = given is null ? "medium" : given.StringOrNull;
        if (effort is not ("low" or "medium" or "high"))
        {
            throw new ChatTemplateException($"Harmony's reasoning_effort must be low, medium or high, not {JsonText.Of(given!, JsonStyle.Python)}.");
        }

        var today = date ?? DateOnly.FromDateTime(request.Time.GetLocalNow().DateTime);
        prompt.Markup($"{Start}system{Message}You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: 2024-06\n")
            .Markup($"Current date: {today.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)}\n\nReasoning: {effort}\n\n")
            .Markup("# Valid channels: analysis, commentary, final. Channel must be included for every message.")
            .Markup(request.Tools.Count > 0 ? "\nCalls to these tools must go to the commentary channel: 'functions'." : "")
            .Markup(End);
    }

    private static void AppendDeveloper(PromptBuilder prompt, string? instructions, IReadOnlyList<PromptTool> tools)
    {
        if (tools.Count == 0 && string.IsNullOrEmpty(instructions))
        {
            return;
        }

        prompt.Markup($"{Start}developer{Message}");
        if (instructions is not null)
        {
            prompt.Markup("# Instructions\n\n").Content(instructions).Markup(tools.Count > 0 ? "\n\n" : "");
        }

        if (tools.Count > 0)
        {
            prompt.Markup("# Tools\n\n## functions\n\nnamespace functions {\n\n");
            foreach (var tool in tools)
            {
                prompt.Content(HarmonyTypes.Declaration(tool)).Markup("\n\n");
            }

            prompt.Markup("} // namespace functions");
        }

        prompt.Markup(End);
    }

    private static void AppendConversation(PromptBuilder prompt, IReadOnlyList<PromptMessage> messages)
    {
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var call in messages.SelectMany(message => message.ToolCalls))
        {
            names[call.Id] = call.Name;
        }

        // The prompt contains only the reasoning since the last answer, which is that of the current tool loop.
        var lastFinal = messages.Count - 1;
        while (lastFinal >= 0 && !IsFinal(messages[lastFinal]))
        {
            lastFinal--;
        }

        for (var i = 0; i < messages.Count; i++)
        {
            AppendMessage(prompt, messages[i], names, keepsReasoning: i > lastFinal);
        }
    }

    private static void AppendMessage(PromptBuilder prompt, PromptMessage message, Dictionary<string, string> names, bool keepsReasoning)
    {
        switch (message.Role)
        {
            case "user":
                prompt.Markup($"{Start}user{Message}").ContentParts(Texts(message)).Markup(End);
                break;
            case "assistant":
                AppendAssistant(prompt, message, keepsReasoning);
                break;
            case "tool":
                prompt.Markup($"{Start}functions.").Content(names.GetValueOrDefault(message.ToolCallId ?? "", ""))
                    .Markup($"{Channel}commentary to=assistant{Message}").Content(Flatten(message) ?? "").Markup(End);
                break;
            default:
                if (Flatten(message) is { } text)
                {
                    prompt.Markup($"{Start}developer{Message}# Instructions\n\n").Content(text).Markup(End);
                }

                break;
        }
    }

    private static void AppendAssistant(PromptBuilder prompt, PromptMessage message, bool keepsReasoning)
    {
        if (message.ToolCalls.Count > 0)
        {
            AppendChannel(prompt, "commentary", [Flatten(message) ?? ""]);
        }

        AppendChannel(prompt, "analysis", [keepsReasoning ? message.Reasoning ?? "" : ""]);
        if (IsFinal(message))
        {
            AppendChannel(prompt, "final", Texts(message));
        }

        foreach (var call in message.ToolCalls)
        {
            prompt.Markup($"{Start}assistant to=functions.").Content(call.Name)
                .Markup($"{Channel}commentary json{Message}").Content(call.ArgumentsText).Markup("<|call|>");
        }
    }

    private static void AppendChannel(PromptBuilder prompt, string channel, IReadOnlyList<string> texts)
    {
        if (texts.Any(text => text.Length > 0))
        {
            prompt.Markup($"{Start}assistant{Channel}{channel}{Message}").ContentParts(texts).Markup(End);
        }
    }

    /// <summary>An answer: an assistant message without calls whose text (of a list: the first part's) is not empty.</summary>
    private static bool IsFinal(PromptMessage message) => message is { Role: "assistant", ToolCalls.Count: 0 } && message.Content switch
    {
        { IsString: true } text => text.Text.Length > 0,
        { IsArray: true, Items.Count: > 0 } parts => PromptMessage.PartText(parts.Items[0]).Length > 0,
        _ => false,
    };

    /// <summary>Concatenates the texts of all parts; null if there is no text.</summary>
    private static string? Flatten(PromptMessage message)
    {
        var texts = Texts(message);
        return texts.Count == 0 ? null : string.Concat(texts);
    }

    /// <summary>The text of the content, or of every part that has one.</summary>
    private static List<string> Texts(PromptMessage message) => message.Content switch
    {
        null => [],
        { IsArray: true } parts => [.. parts.Items.Select(part => part["text"]?.StringOrNull).OfType<string>()],
        var text => [text.Text],
    };
}
