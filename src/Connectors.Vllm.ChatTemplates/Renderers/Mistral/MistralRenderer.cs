namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>
/// The prompt of models whose reference is mistral-common (https://github.com/mistralai/mistral-common). Control tokens are written as their
/// text; everything else is content. There is no generation prompt: the prompt ends with <c>[/INST]</c> or a tool result.
/// </summary>
internal sealed class MistralRenderer(MistralPromptOptions options) : IChatPromptRenderer
{
    /// <inheritdoc/>
    public RenderedPrompt Render(ChatTemplateInput input)
    {
        var request = PromptRequest.Read(input);
        request.RequireAssistantToContinue();
        if (request.AddGenerationPrompt && request.Messages.Count > 0 && request.Messages[^1].Role == "assistant")
        {
            throw new ChatTemplateException("add_generation_prompt cannot be set when the last message is from the assistant.");
        }

        List<MistralMessage> messages = [.. request.Messages.Select(MistralMessage.Read)];
        new MistralValidator(options.Version, request.ContinueFinalMessage).Check(messages, request.Tools);
        var settings = ReadSettings(request);
        var (turns, system) = new MistralNormalizer(options.Version).Normalize(messages);
        return new MistralEncoder(options, request.Tools, settings, system).Encode(turns, request.ContinueFinalMessage);
    }

    private string? ReadSettings(PromptRequest request)
    {
        if (options.Version < MistralPromptVersion.V15)
        {
            return null;
        }

        var effort = request.Kwarg("reasoning_effort");
        if (effort is not null && (effort.StringOrNull is not { } name || !options.ReasoningEfforts.Contains(name)))
        {
            throw new ChatTemplateException(
                $"The model takes the reasoning_effort {string.Join(", ", options.ReasoningEfforts.DefaultIfEmpty("of no request"))}; got {JsonText.Of(effort, JsonStyle.Python)}.");
        }

        return effort?.Text ?? options.DefaultReasoningEffort;
    }
}
