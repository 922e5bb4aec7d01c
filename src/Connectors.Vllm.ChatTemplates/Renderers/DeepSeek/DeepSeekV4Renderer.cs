using System.Globalization;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>The prompt of DeepSeek V4, as vLLM's tokenizer mode <c>deepseek_v4</c> writes it.</summary>
internal sealed class DeepSeekV4Renderer : DeepSeekTurnRenderer
{
    /// <inheritdoc/>
    protected override string Gap => "";

    /// <inheritdoc/>
    protected override string CallsBlock => "tool_calls";

    /// <inheritdoc/>
    protected override string ToolsSection => DeepSeekV4Texts.Tools;

    /// <inheritdoc/>
    protected override string? ReadEffort(PromptValue? effort) => effort?.StringOrNull switch
    {
        "none" => null,
        "max" => DeepSeekV4Texts.MaxEffort,
        "low" or "minimal" or "medium" => "",
        _ => DeepSeekV4Texts.HighEffort,
    };

    /// <inheritdoc/>
    protected override IReadOnlyList<PromptText> ReadContent(PromptMessage message)
    {
        // A tool result with only text parts is one text; a reference to a tool keeps the list, which does not show it.
        if (message is { Role: "tool", Content.IsArray: true })
        {
            var parts = message.Content.Items;
            return parts.Any(part => part["type"]!.Text == "tool_reference")
                ? [.. parts.Select(part => part["type"]!.Text == "text"
                    ? PromptText.Content(PromptMessage.PartText(part))
                    : PromptText.Content($"[Unsupported {part["type"]!.Text}]"))]
                : [PromptText.Content(string.Join('\n', TextParts.Of(message)))];
        }

        return message.Content is { IsArray: true } content && content.Items.Any(IsImage)
            ? [.. content.Items.Select(part => IsImage(part)
                ? PromptText.Markup(DeepSeekMarkup.Image)
                : PromptText.Content(PromptMessage.PartText(part)))]
            : [.. TextParts.Of(message).Select(PromptText.Content)];
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<PromptTool> ReadTools(PromptMessage message) => message.Role == "developer" ? PromptTool.OfMessage(message) : [];

    /// <inheritdoc/>
    protected override bool IsOpener(DeepSeekTurn turn, int index) => turn.Role is "user" or "developer";

    /// <inheritdoc/>
    protected override bool OpensAssistant(DeepSeekTurn turn, int index, bool assistantFollowsOrLast) =>
        turn.Role is "user" or "developer" || (turn.Role == "system" && assistantFollowsOrLast);

    /// <inheritdoc/>
    protected override void AppendHead(PromptBuilder prompt, DeepSeekTurn turn, int index, string? effort) =>
        prompt.Markup(index == 0 ? effort ?? "" : "");

    private static bool IsImage(PromptValue part) => part["type"]!.Text is "image_url" or "input_image" or "image_pil" or "image";
}

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
            throw unknown.Error("invalid role; the roles of DeepSeek V4.1 are system, developer, user, assistant and tool");
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
                "DeepSeek V4.1 supports the reasoning_effort none, low, high, xhigh, max, or an integer from 1 to 100."),
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

/// <summary>The fixed texts of the DeepSeek V4 and V4.1 prompts; the line SCHEMAS is a placeholder for the functions.</summary>
internal static class DeepSeekV4Texts
{
    /// <summary>The beginning of a V4 prompt with the usual reasoning effort.</summary>
    public const string HighEffort =
        """
        Reasoning Effort: Absolute maximum with no shortcuts permitted.
        You MUST be very thorough in your thinking and comprehensively decompose the problem to resolve the root cause, rigorously stress-testing your logic against all potential paths, edge cases, and adversarial scenarios.
        Explicitly write out your entire deliberation process, documenting every intermediate step, considered alternative, and rejected hypothesis to ensure absolutely no assumption is left unchecked.


        """;

    /// <summary>The beginning of a V4 prompt with the highest reasoning effort.</summary>
    public const string MaxEffort =
        """
        Reasoning Effort: Beyond maximum — exhaustive, relentless, and uncompromising.
        You MUST reason with the utmost depth and rigor, leaving absolutely nothing to chance: exhaustively decompose the problem into its most fundamental components, trace every causal chain to its root, and resolve the underlying cause rather than any surface symptom.
        Do not stop reasoning until you have independently verified the solution from multiple angles and are certain that no assumption remains unchecked and no error remains undiscovered.


        """;

    /// <summary>The V4 tools section.</summary>
    public const string Tools =
        """
        ## Tools

        You have access to a set of tools to help answer the user's question. You can invoke tools by writing a "<｜DSML｜tool_calls>" block like the following:

        <｜DSML｜tool_calls>
        <｜DSML｜invoke name="$TOOL_NAME">
        <｜DSML｜parameter name="$PARAMETER_NAME" string="true|false">$PARAMETER_VALUE</｜DSML｜parameter>
        ...
        </｜DSML｜invoke>
        <｜DSML｜invoke name="$TOOL_NAME2">
        ...
        </｜DSML｜invoke>
        </｜DSML｜tool_calls>

        String parameters should be specified as is and set `string="true"`. For all other types (numbers, booleans, arrays, objects), pass the value in JSON format and set `string="false"`.

        If thinking_mode is enabled (triggered by <think>), you MUST output your complete reasoning inside <think>...</think> BEFORE any tool calls or final response.

        Otherwise, output directly after </think> with tool calls or final response.

        ### Available Tool Schemas

        SCHEMAS

        You MUST strictly follow the above defined tool name and parameter schemas to invoke tool calls.

        """;

    /// <summary>The V4.1 tools section: calls have another name, and every DSML word is preceded by a space.</summary>
    public static readonly string ToolsV41 =
        Tools.Replace("｜DSML｜tool_calls", "｜DSML｜calls", StringComparison.Ordinal).Replace("｜DSML｜", "｜DSML｜ ", StringComparison.Ordinal);
}
