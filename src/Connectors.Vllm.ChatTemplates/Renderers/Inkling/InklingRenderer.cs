using System.Globalization;
using Connectors.Vllm.Shared;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>
/// The prompt of Inkling, as vLLM's tokenizer mode <c>inkling</c> writes it: one block per content part, and an effort from 0 to 0.99
/// (<c>reasoning_effort</c> as a word or a number; default 0.9).
/// </summary>
internal sealed class InklingRenderer : ChatPromptRenderer
{
    private const string EndMessage = "<|end_message|>";
    private const string Text = "<|content_text|>";
    private const double MaxEffort = 0.99;

    /// <inheritdoc/>
    public override RenderedPrompt Render(ChatTemplateInput input)
    {
        var request = PromptRequest.Read(input);
        if (request.ContinueFinalMessage)
        {
            throw new ChatTemplateException("Inkling cannot continue the final message.");
        }

        var prompt = new PromptBuilder();
        AppendTools(prompt, request);
        var effort = EffortText(request.Kwarg("reasoning_effort"));
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var message in request.Messages)
        {
            if (message.Role is not ("system" or "developer"))
            {
                AppendEffort(prompt, ref effort);
            }

            AppendMessage(prompt, message, names);
        }

        AppendEffort(prompt, ref effort);
        return prompt.Markup(request.AddGenerationPrompt ? "<|message_model|>" : "").Build();
    }

    private static void AppendTools(PromptBuilder prompt, PromptRequest request)
    {
        var tools = request.Tools.Concat(request.Messages.Where(message => message.Role == "developer").SelectMany(PromptTool.OfMessage)).ToList();
        if (tools.Count > 0)
        {
            var list = PromptValue.OfArray([.. tools.Select(Declaration)]);
            RequireFinite(list);
            prompt.Markup("<|message_system|>tool_declare<|content_xml|>").ContentJson(list, JsonStyle.PythonCompactSorted).Markup(EndMessage);
        }
    }

    private static PromptValue Declaration(PromptTool tool) => PromptValue.OfObject(
    [
        KeyValuePair.Create("description", PromptValue.OfString(tool.Description ?? "")),
        KeyValuePair.Create("name", PromptValue.OfString(tool.Name)),
        KeyValuePair.Create("parameters", tool.Parameters is { IsTruthy: true } parameters ? parameters : PromptValue.OfObject([])),
        KeyValuePair.Create("type", tool.Type),
    ]);

    private static void AppendEffort(PromptBuilder prompt, ref string? effort)
    {
        if (effort is not null)
        {
            prompt.Markup("<|message_system|>").Markup(Text).Markup("Thinking effort level: ").Markup(effort).Markup(EndMessage);
            effort = null;
        }
    }

    private static string? EffortText(PromptValue? effort)
    {
        double? level = effort switch
        {
            null => 0.9,
            { IsNumber: true } => effort.AsDouble(),
            { IsString: true } => effort.Text switch
            {
                "none" => 0,
                "minimal" => 0.1,
                "low" => 0.2,
                "medium" => 0.7,
                "high" => 0.9,
                "xhigh" or "max" => MaxEffort,
                _ => null,
            },
            _ => null,
        };
        if (level is not { } value)
        {
            return null;
        }

        if (value is not (>= 0 and <= MaxEffort))
        {
            throw new ChatTemplateException(
                $"Inkling's reasoning_effort must be a number from 0.0 to 0.99, got {FloatText.Json(value, FloatStyle.Python)}.");
        }

        // "F2" rounds the exact binary value, as Python's format does.
        var text = value.ToString("F2", CultureInfo.InvariantCulture).TrimEnd('0').TrimEnd('.');
        return text is "0" or "-0" ? "0.0" : text;
    }

    private static void AppendMessage(PromptBuilder prompt, PromptMessage message, Dictionary<string, string> names)
    {
        switch (message.Role)
        {
            case "user":
                AppendContent(prompt, message, "<|message_user|>");
                break;
            case "system" or "developer":
                AppendContent(prompt, message, "<|message_system|>");
                break;
            case "assistant":
                AppendAssistant(prompt, message, names);
                break;
            case "tool":
                var name = message.Name is { Length: > 0 } given ? given : names.GetValueOrDefault(message.ToolCallId ?? "", "");
                prompt.Markup("<|message_tool|>").Content(name).Markup(Text);
                foreach (var part in Parts(message))
                {
                    prompt.Content(IsText(part) ? PromptMessage.PartText(part) : throw Unsupported(message, part));
                }

                prompt.Markup(EndMessage);
                break;
            default:
                throw message.Error("Inkling has no such role; the roles are system, developer, user, assistant and tool");
        }
    }

    private static void AppendAssistant(PromptBuilder prompt, PromptMessage message, Dictionary<string, string> names)
    {
        const string Model = "<|message_model|>";
        if (message.Reasoning is { Length: > 0 } reasoning)
        {
            prompt.Markup(Model).Markup("<|content_thinking|>").Content(reasoning).Markup(EndMessage);
        }

        AppendContent(prompt, message, Model);
        foreach (var call in message.ToolCalls)
        {
            names[call.Id] = call.Name;
            var arguments = call.ParsedArguments;
            RequireFinite(arguments);
            prompt.Markup(Model).Content(call.Name).Markup("<|content_invoke_tool_json|>{\"name\":")
                .ContentJson(PromptValue.OfString(call.Name), JsonStyle.Python).Markup(",\"args\":")
                .ContentJson(arguments, JsonStyle.PythonCompactSorted).Markup("}").Markup(EndMessage);
        }

        prompt.Markup("<|content_model_end_sampling|>");
    }

    private static void AppendContent(PromptBuilder prompt, PromptMessage message, string role)
    {
        if (message.Content is { IsString: true, Text.Length: 0 })
        {
            return;
        }

        foreach (var part in Parts(message))
        {
            prompt.Markup(role);
            switch (part["type"]!.Text)
            {
                case "text" or "input_text":
                    prompt.Markup(Text).Content(PromptMessage.PartText(part));
                    break;
                case "image" or "image_url" or "input_image" or "image_pil":
                    prompt.Markup("<|content_image|>");
                    break;
                case "audio" or "audio_url" or "input_audio":
                    prompt.Markup("<|content_audio_input|><|audio_end|>");
                    break;
                default:
                    throw Unsupported(message, part);
            }

            prompt.Markup(EndMessage);
        }
    }

    private static IReadOnlyList<PromptValue> Parts(PromptMessage message) => message.Content switch
    {
        null => [],
        { IsString: true } text =>
            [PromptValue.OfObject([KeyValuePair.Create("type", PromptValue.OfString("text")), KeyValuePair.Create("text", text)])],
        var parts => parts.Items,
    };

    private static bool IsText(PromptValue part) => part["type"]!.Text is "text" or "input_text";

    private static ChatTemplateException Unsupported(PromptMessage message, PromptValue part) =>
        message.Error($"a content part of type '{part["type"]!.Text}' cannot be rendered here");

    private static void RequireFinite(PromptValue value)
    {
        if (value is { IsNumber: true, IsInteger: false } && !double.IsFinite(value.AsDouble()))
        {
            throw new ChatTemplateException("NaN and Infinity cannot be written as JSON.");
        }

        foreach (var item in value.Items)
        {
            RequireFinite(item);
        }

        foreach (var (_, item) in value.Members)
        {
            RequireFinite(item);
        }
    }
}
