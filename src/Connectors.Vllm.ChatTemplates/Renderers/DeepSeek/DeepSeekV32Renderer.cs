namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>
/// The prompt of DeepSeek V3.2, as vLLM's tokenizer mode <c>deepseek_v32</c> writes it
/// (https://github.com/vllm-project/vllm/tree/main/vllm/tokenizers). Thinking is off unless <c>thinking</c> or <c>enable_thinking</c> is set.
/// </summary>
internal sealed class DeepSeekV32Renderer : ChatPromptRenderer
{
    /// <inheritdoc/>
    public override RenderedPrompt Render(ChatTemplateInput input)
    {
        var request = PromptRequest.Read(input);
        request.RequireAssistantToContinue();
        return new Conversation(request).Render();
    }

    private sealed class Conversation
    {
        private readonly PromptRequest _request;
        private readonly IReadOnlyList<PromptMessage> _messages;
        private readonly PromptBuilder _prompt = new();
        private readonly bool _thinking;
        private readonly int _lastUser;

        public Conversation(PromptRequest request)
        {
            _request = request;
            _messages = request.Messages;
            _thinking = request.Kwarg("thinking") is { IsTruthy: true } || request.Kwarg("enable_thinking") is { IsTruthy: true };
            _lastUser = -1;
            for (var i = _messages.Count - 1; i >= 0 && _lastUser < 0; i--)
            {
                _lastUser = _messages[i].Role is "user" or "developer" ? i : -1;
            }
        }

        public RenderedPrompt Render()
        {
            if (_messages.Count == 0 && _request.Tools.Count == 0)
            {
                throw new ChatTemplateException("The conversation is empty: DeepSeek V3.2 needs at least one message.");
            }

            _prompt.Markup(DeepSeekMarkup.Begin);
            if (_request.Tools.Count > 0)
            {
                AppendTools(_request.Tools);
            }

            // The current sequence of tool results: its assistant message and the number of results.
            PromptMessage? caller = null;
            for (var i = 0; i < _messages.Count; i++)
            {
                var message = _messages[i];
                caller = message.Role == "tool" ? caller : message;
                AppendMessage(message, caller, i - (caller?.Index ?? i));
            }

            return _prompt.Build();
        }

        private void AppendMessage(PromptMessage message, PromptMessage? caller, int resultNumber)
        {
            switch (message.Role)
            {
                case "system":
                    _prompt.Content(TextParts.Joined(message));
                    break;
                case "user":
                    _prompt.Markup(DeepSeekMarkup.User).Content(TextParts.Joined(message));
                    AppendAssistantHeader(message);
                    break;
                case "developer":
                    AppendDeveloper(message);
                    break;
                case "assistant":
                    AppendAssistant(message);
                    break;
                case "tool":
                    AppendToolResult(message, caller, resultNumber);
                    break;
                default:
                    throw message.Error("invalid role; the roles of DeepSeek V3.2 are system, developer, user, assistant and tool");
            }
        }

        private void AppendTools(IEnumerable<PromptTool> tools) =>
            DeepSeekMarkup.AppendTools(_prompt.Markup("\n\n"), DeepSeekV32Texts.Tools, tools);

        private void AppendAssistantHeader(PromptMessage message)
        {
            if (message.Index < _messages.Count - 1 || _request.AddGenerationPrompt)
            {
                _prompt.Markup(DeepSeekMarkup.Assistant)
                    .Markup(_thinking && message.Index == _lastUser ? DeepSeekMarkup.ThinkOpen : DeepSeekMarkup.ThinkClose);
            }
        }

        private void AppendDeveloper(PromptMessage message)
        {
            var text = TextParts.Joined(message);
            if (text.Length == 0)
            {
                throw message.Error("a developer message must have text");
            }

            _prompt.Markup(DeepSeekMarkup.User);
            var tools = PromptTool.OfMessage(message);
            if (tools.Count > 0)
            {
                AppendTools(tools);
            }

            _prompt.Markup("\n\n# The user's message is: ").Content(text);
            AppendAssistantHeader(message);
        }

        private void AppendAssistant(PromptMessage message)
        {
            var isLast = message.Index == _messages.Count - 1;
            var continues = isLast && _request.ContinueFinalMessage;
            if (_thinking && message.Index > _lastUser)
            {
                var reasoning = message.Reasoning ?? "";
                if (reasoning.Length > 0 || message.ToolCalls.Count > 0)
                {
                    _prompt.Content(reasoning).Markup(DeepSeekMarkup.ThinkClose);
                }
                else if (!continues)
                {
                    throw message.Error("with thinking on, an assistant message after the last user message needs reasoning or tool calls");
                }
            }

            _prompt.Content(TextParts.Joined(message));
            if (message.ToolCalls.Count > 0)
            {
                DeepSeekMarkup.AppendCalls(_prompt, message.ToolCalls, "function_calls", "");
            }

            _prompt.Markup(continues ? "" : DeepSeekMarkup.End);
        }

        private void AppendToolResult(PromptMessage message, PromptMessage? caller, int resultNumber)
        {
            if (caller is not { Role: "assistant" })
            {
                throw message.Error("a tool result must follow the assistant message that called the tool");
            }

            var calls = caller.ToolCalls.Count;
            if (resultNumber > calls)
            {
                throw message.Error($"there are more tool results than the {calls} calls of messages[{caller.Index}]");
            }

            _prompt.Markup(resultNumber == 1 ? "\n\n<function_results>" : "")
                .Markup("\n<result>")
                .Content(TextParts.Joined(message))
                .Markup("</result>");
            if (resultNumber == calls)
            {
                _prompt.Markup("\n</function_results>\n\n")
                    .Markup(_thinking && message.Index >= _lastUser ? DeepSeekMarkup.ThinkOpen : DeepSeekMarkup.ThinkClose);
            }
        }
    }
}

/// <summary>The fixed texts of the DeepSeek V3.2 prompt; the line SCHEMAS is a placeholder for the functions.</summary>
internal static class DeepSeekV32Texts
{
    /// <summary>The tools section, as vLLM writes it.</summary>
    public const string Tools =
        """
        ## Tools
        You have access to a set of tools you can use to answer the user's question.
        You can invoke functions by writing a "<｜DSML｜function_calls>" block like the following as part of your reply to the user:
        <｜DSML｜function_calls>
        <｜DSML｜invoke name="$FUNCTION_NAME">
        <｜DSML｜parameter name="$PARAMETER_NAME" string="true|false">$PARAMETER_VALUE</｜DSML｜parameter>
        ...
        </｜DSML｜invoke>
        <｜DSML｜invoke name="$FUNCTION_NAME2">
        ...
        </｜DSML｜invoke>
        </｜DSML｜function_calls>
        String and scalar parameters should be specified as is without any escaping or quotes, while lists and objects should use JSON format. The "string" attribute should be set to "true" for string type parameters and "false" for other types (numbers, booleans, arrays, objects).
        If the thinking_mode is enabled, then after function results you should strongly consider outputting a thinking block. Here is an example:
        <｜DSML｜function_calls>
        ...
        </｜DSML｜function_calls>
        <function_results>
        ...
        </function_results>
        <think>...thinking about results</think>
        Here are the functions available in JSONSchema format:
        <functions>
        SCHEMAS
        </functions>

        """;
}
