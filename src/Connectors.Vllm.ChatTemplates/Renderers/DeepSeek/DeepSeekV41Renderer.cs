using System.Globalization;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>
/// The prompt of DeepSeek V4.1, as vLLM's tokenizer mode <c>deepseek_v41</c> writes it: V4 with a system token and an effort of 1 to 100.
/// </summary>
internal sealed class DeepSeekV41Renderer : DeepSeekTurnRenderer
{
    /// <inheritdoc/>
    protected override string Gap => " ";

    /// <inheritdoc/>
    protected override string CallsBlock => "calls";

    /// <inheritdoc/>
    protected override string ToolsSection => DeepSeekV4Texts.ToolsV41;

    /// <inheritdoc/>
    protected override void CheckRoles(IReadOnlyList<PromptMessage> messages)
    {
        if (messages.FirstOrDefault(message => message.Role is not ("system" or "developer" or "user" or "assistant" or "tool")) is { } unknown)
        {
            throw unknown.Error("invalid role; DeepSeek V4.1 knows system, developer, user, assistant and tool");
        }
    }

    /// <inheritdoc/>
    protected override string? ReadEffort(PromptValue? effort)
    {
        if (effort?.StringOrNull == "none")
        {
            return null;
        }

        var budget = effort switch
        {
            null => 75,
            { IsString: true, Text: "low" } => 50,
            { IsString: true, Text: "high" or "xhigh" } => 75,
            { IsString: true, Text: "max" } => 100,
            { IsInteger: true } when int.TryParse(effort.Text, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= 100 => number,
            _ => throw new ChatTemplateException(
                "DeepSeek V4.1 takes the reasoning_effort none, low, high, xhigh, max, or an integer from 1 to 100."),
        };
        return string.Create(
            CultureInfo.InvariantCulture, $"Reasoning Effort: {budget} (range 1-100, the higher the value, the more thorough the reasoning)\n\n");
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<PromptText> ReadContent(PromptMessage message) => message.Content switch
    {
        null => [],
        { IsString: true } text => [PromptText.Content(text.Text)],
        var parts => [.. parts.Items.Select(part => part["type"]!.Text switch
        {
            "text" or "input_text" or "output_text" => PromptText.Content(PromptMessage.PartText(part)),
            "image_url" or "input_image" or "image_pil" => PromptText.Markup(DeepSeekMarkup.Image),
            var type => throw message.Error($"DeepSeek V4.1 supports text and image content only; got '{type}'"),
        })],
    };

    /// <inheritdoc/>
    protected override IReadOnlyList<PromptTool> ReadTools(PromptMessage message) => message switch
    {
        { Tools: null } => [],
        { Role: "developer" } => PromptTool.OfMessage(message),
        _ => [.. message.Tools.Items.Select((tool, index) => PromptTool.Read(tool, $"messages[{message.Index}].tools[{index}]", keepAsGiven: true))],
    };

    /// <inheritdoc/>
    protected override IEnumerable<DeepSeekBlock> ReadBlocks(PromptMessage message) =>
        message.Value["content_blocks"] is { IsArray: true, Items.Count: > 0 } blocks
            ? blocks.Items.Select(block => block["type"]?.StringOrNull switch
            {
                "text" => new DeepSeekBlock([PromptText.Content(PromptMessage.PartText(block))]),
                "tool_result" => new DeepSeekBlock(
                    [PromptText.Content(PromptMessage.PartText(block, "content"))], IsResult: true, block["tool_use_id"]?.StringOrNull),
                var type => new DeepSeekBlock([PromptText.Content($"[Unsupported {type}]")]),
            })
            : base.ReadBlocks(message);

    /// <inheritdoc/>
    protected override bool IsOpener(DeepSeekTurn turn, int index) => turn.Role is "user" or "developer" || (turn.Role == "system" && index > 0);

    /// <inheritdoc/>
    protected override bool OpensAssistant(DeepSeekTurn turn, int index, bool assistantFollowsOrLast) => IsOpener(turn, index);

    /// <inheritdoc/>
    protected override void AppendHead(PromptBuilder prompt, DeepSeekTurn turn, int index, string? effort)
    {
        var announced = index == 0 ? effort ?? "" : "";
        prompt.Markup(announced.Length > 0 || turn.Role == "system" ? DeepSeekMarkup.System : "").Markup(announced);
    }

    /// <inheritdoc/>
    protected override void AppendResponseFormat(PromptBuilder prompt, DeepSeekTurn turn)
    {
        if (turn.Source?.Value["response_format"] is { IsTruthy: true } format)
        {
            prompt.Markup("\n\n## Response Format:\n\nYou MUST strictly adhere to the following schema to reply:\n")
                .ContentJson(format, JsonStyle.Python);
        }
    }

    /// <inheritdoc/>
    protected override bool HasNoEnd(DeepSeekTurn turn) => turn.Source?.Value["wo_eos"] is { IsTruthy: true };
}
