using System.Globalization;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>
/// The prompt of Kimi K3 (nested elements between control tokens), as vLLM's Rust front end writes it for model_type <c>kimi_k3</c>.
/// Options: <c>thinking</c> or <c>enable_thinking</c> (default on), <c>reasoning_effort</c> (low, high, max; default max),
/// and, because this prompt prints them, the request's <c>tool_choice</c> and <c>response_format</c> in the OpenAI form.
/// </summary>
internal sealed class KimiK3Renderer : ChatPromptRenderer
{
    private const string Separator = "<|sep|>";
    private const string EndOfMessage = "<|end_of_msg|>";

    /// <inheritdoc/>
    public override RenderedPrompt Render(ChatTemplateInput input)
    {
        var request = PromptRequest.Read(input, allowsEmptyTools: true);
        request.RequireAssistantToContinue();
        if (request.Messages.Count == 0)
        {
            throw new ChatTemplateException("A conversation with Kimi K3 must have at least one message.");
        }

        return new Conversation(request).Render();
    }

    private static void Open(PromptBuilder prompt, string tag, string attributes = "") => prompt.Markup($"<|open|>{tag}{attributes}{Separator}");

    private static void Close(PromptBuilder prompt, string tag) => prompt.Markup($"<|close|>{tag}{Separator}");

    private sealed class Conversation(PromptRequest request)
    {
        private readonly PromptBuilder _prompt = new();
        private readonly HashSet<string> _toolNames = new(StringComparer.Ordinal);
        private readonly Dictionary<string, int> _lastCallIds = new(StringComparer.Ordinal);
        private IReadOnlyList<PromptToolCall> _lastCalls = [];
        private bool _thinking;
        private bool _hasTools;

        public RenderedPrompt Render()
        {
            var effort = ReadEffort();
            _hasTools = request.Tools.Count > 0;
            if (_hasTools)
            {
                AppendTools(request.Tools, "# Tools\nHere are the available tools, described in JSONSchema.\n\n```json\n");
            }

            if (_thinking)
            {
                AppendNotice(
                    "thinking-effort",
                    "`thinking_effort` guides on how much to think in your thinking channel (not including the response channel), "
                    + $"supported values include `low`, `medium`, `high`, and `max`.\nNow the system is invoked with `thinking_effort={effort}`.");
            }

            for (var i = 0; i < request.Messages.Count; i++)
            {
                if (request.Messages[i].Role == "tool")
                {
                    i = AppendToolResults(i) - 1;
                }
                else
                {
                    AppendMessage(request.Messages[i]);
                }
            }

            AppendToolChoice();
            AppendResponseFormat();
            if (request.AddGenerationPrompt)
            {
                Open(_prompt, "message", " role=\"assistant\"");
                Open(_prompt, _thinking ? "think" : "response");
            }

            return _prompt.Build();
        }

        private string ReadEffort()
        {
            var given = request.RawKwarg("thinking");
            if (given is { IsBoolean: false })
            {
                throw new ChatTemplateException($"The option 'thinking' must be a boolean, got {JsonText.Of(given, JsonStyle.RustCompact)}.");
            }

            var effort = request.RawKwarg("reasoning_effort");
            effort = effort is { IsNull: true } ? null : effort;
            var isNone = effort?.StringOrNull == "none";
            _thinking = given?.IsTruthy ?? request.RawKwarg("enable_thinking") switch
            {
                { IsBoolean: true } flag => flag.IsTruthy,
                _ => !isNone,
            };
            if (!_thinking || effort is null || isNone)
            {
                return "max";
            }

            return effort.StringOrNull switch
            {
                "low" or "high" or "max" => effort.Text,
                null => throw new ChatTemplateException(
                    $"Kimi K3's reasoning_effort must be a string, got {JsonText.Of(effort, JsonStyle.RustCompact)}."),
                _ => throw new ChatTemplateException($"Kimi K3 does not support the reasoning_effort '{effort.Text}'; use low, high or max."),
            };
        }

        private void AppendMessage(PromptMessage message)
        {
            switch (message.Role)
            {
                case "user" when message.Content is { IsString: true, Text.Length: 0 } or { IsArray: true, Items.Count: 0 }:
                    throw message.Error("Kimi K3 does not accept an empty user message");
                case "system" or "user":
                    AppendText(message, message.Role);
                    break;
                case "developer":
                    if (PromptTool.OfMessage(message) is { Count: > 0 } tools)
                    {
                        _hasTools = true;
                        AppendTools(
                            tools,
                            "## New Tools Available\nThe system dynamically extends the toolset via lazy-loading.\n"
                            + "You have access to all existing and extended tools.\nHere are the specs for the extended tools.\n\n```json\n");
                    }

                    AppendText(message, "system");
                    break;
                case "assistant":
                    AppendAssistant(message);
                    break;
                default:
                    throw message.Error("Kimi K3 has no such role; the roles are system, developer, user, assistant and tool");
            }
        }

        private void AppendText(PromptMessage message, string role)
        {
            Open(_prompt, "message", $" role=\"{role}\"");
            AppendContent(message);
            CloseMessage();
        }

        private void AppendContent(PromptMessage message)
        {
            if (message.Content is { IsString: true } text)
            {
                _prompt.Content(text.Text);
                return;
            }

            foreach (var part in message.Content?.Items ?? [])
            {
                _prompt.Content(part["type"]!.Text is "text" or "input_text" or "output_text"
                    ? PromptMessage.PartText(part)
                    : throw message.Error($"a content part of type '{part["type"]!.Text}' cannot be rendered for Kimi K3, which accepts text"));
            }
        }

        private void CloseMessage()
        {
            Close(_prompt, "message");
            _prompt.Markup(EndOfMessage);
        }

        private void AppendNotice(string type, string text)
        {
            Open(_prompt, "message", $" role=\"system\" type=\"{type}\"");
            _prompt.Markup(text);
            CloseMessage();
        }

        private void AppendTools(IReadOnlyList<PromptTool> tools, string introduction)
        {
            foreach (var tool in tools)
            {
                if (!_toolNames.Add(tool.Name))
                {
                    throw new ChatTemplateException($"The tool name '{tool.Name}' occurs twice.");
                }
            }

            Open(_prompt, "message", " role=\"system\" type=\"tool-declare\"");
            _prompt.Markup(introduction)
                .ContentJson(PromptValue.OfArray([.. tools.Select(Declaration)]), JsonStyle.RustCompactSorted)
                .Markup("\n```");
            CloseMessage();
        }

        private static PromptValue Declaration(PromptTool tool)
        {
            var function = new List<KeyValuePair<string, PromptValue>>
            {
                KeyValuePair.Create("name", PromptValue.OfString(tool.Name)),
                KeyValuePair.Create("parameters", tool.Parameters ?? PromptValue.Null),
            };
            if (tool.Description is { } description)
            {
                function.Add(KeyValuePair.Create("description", PromptValue.OfString(description)));
            }

            if (tool.Strict is { } strict)
            {
                function.Add(KeyValuePair.Create("strict", strict));
            }

            return PromptValue.OfObject([KeyValuePair.Create("type", tool.Type), KeyValuePair.Create("function", PromptValue.OfObject(function))]);
        }

        private void AppendAssistant(PromptMessage message)
        {
            if (message.Value.NotNull("reasoning")?.StringOrNull is { } reasoning
                && message.Value.NotNull("reasoning_content")?.StringOrNull is { } other && reasoning != other)
            {
                throw message.Error("'reasoning' and 'reasoning_content' are two names for one field, but differ");
            }

            _lastCalls = message.ToolCalls;
            _lastCallIds.Clear();
            for (var i = 0; i < _lastCalls.Count; i++)
            {
                _lastCallIds.TryAdd(_lastCalls[i].Id, i);
            }

            Open(_prompt, "message", " role=\"assistant\"");
            if (_thinking)
            {
                Open(_prompt, "think");
                _prompt.Content(message.Reasoning ?? "");
                Close(_prompt, "think");
            }

            Open(_prompt, "response");
            AppendContent(message);
            var continues = request.ContinueFinalMessage && message.Index == request.Messages.Count - 1;
            if (continues && message.ToolCalls.Count == 0)
            {
                return;
            }

            Close(_prompt, "response");
            if (message.ToolCalls.Count > 0)
            {
                Open(_prompt, "tools");
                for (var i = 0; i < message.ToolCalls.Count; i++)
                {
                    OpenNamed("call", "", message.ToolCalls[i].Name, i);
                    AppendArguments(message, message.ToolCalls[i]);
                    Close(_prompt, "call");
                }

                Close(_prompt, "tools");
            }

            if (!continues)
            {
                CloseMessage();
            }
        }

        private void OpenNamed(string tag, string role, string tool, int index) =>
            _prompt.Markup($"<|open|>{tag}{role} tool=\"").Content(Attribute(tool))
                .Markup(string.Create(CultureInfo.InvariantCulture, $"\" index=\"{index + 1}\"{Separator}"));

        private static string Attribute(string value) =>
            value.Replace("&", "&amp;", StringComparison.Ordinal).Replace("\"", "&quot;", StringComparison.Ordinal);

        private void AppendArguments(PromptMessage message, PromptToolCall call)
        {
            var arguments = call.Arguments;
            if (arguments?.StringOrNull is { } text)
            {
                if (text.Length == 0)
                {
                    return;
                }

                if (!PythonJsonReader.TryParse(text, JsonDialect.Strict, out arguments, out _))
                {
                    Open(_prompt, "json", " type=\"object\"");
                    _prompt.Content(text);
                    Close(_prompt, "json");
                    return;
                }

                if (!arguments.IsObject)
                {
                    throw message.Error($"the arguments of the call to '{call.Name}' must be a JSON object");
                }
            }

            foreach (var (key, value) in arguments?.Members ?? [])
            {
                var type = value.Kind is PromptValueKind.True or PromptValueKind.False ? "boolean" : value.Kind.ToString().ToLowerInvariant();
                _prompt.Markup("<|open|>argument key=\"").Content(Attribute(key)).Markup($"\" type=\"{type}\"{Separator}");
                if (value.IsString)
                {
                    _prompt.Content(value.Text);
                }
                else
                {
                    _prompt.ContentJson(value, JsonStyle.RustCompact);
                }

                Close(_prompt, "argument");
            }
        }

        /// <summary>Writes the run of tool results that starts at <paramref name="start"/> in call order and returns the index after it.</summary>
        private int AppendToolResults(int start)
        {
            var end = start;
            var results = new List<(PromptMessage Message, int Call)>();
            for (; end < request.Messages.Count && request.Messages[end].Role == "tool"; end++)
            {
                var message = request.Messages[end];
                var call = message.ToolCallId is { } id ? _lastCallIds.GetValueOrDefault(id, -1) : -1;
                results.Add(call >= 0
                    ? (message, call)
                    : throw message.Error("a tool result must have the tool_call_id of a call in the latest assistant message"));
            }

            foreach (var (message, call) in results.OrderBy(result => result.Call))
            {
                OpenNamed("message", " role=\"tool\"", _lastCalls[call].Name, call);
                AppendContent(message);
                CloseMessage();
            }

            return end;
        }

        private void AppendToolChoice()
        {
            var rule = request.RawKwarg("tool_choice")?.StringOrNull switch
            {
                "none" => "`tool_choice=none`.\nYou MUST NOT call any tools in the next message.",
                "required" => "`tool_choice=required`.\nYou MUST call tools in the next message.",
                _ => null,
            };
            if (_hasTools && rule is not null)
            {
                AppendNotice("tool-choice", "The system is invoked with " + rule);
            }
        }

        private void AppendResponseFormat()
        {
            var format = request.RawKwarg("response_format");
            var type = format?["type"]?.StringOrNull;
            if (type is not ("json_object" or "json_schema"))
            {
                return;
            }

            Open(_prompt, "message", " role=\"system\" type=\"response-format\"");
            _prompt.Markup(
                $"The system is invoked with `response_format={type}`.\n"
                + "Your response must be raw JSON data without markdown code blocks (```json) or any additional formatting.");
            if (type == "json_schema")
            {
                _prompt.Markup("\nThe JSON data must match the following schema:\n```json\n")
                    .ContentJson(format!["json_schema"]?["schema"] ?? PromptValue.Null, JsonStyle.RustCompactSorted).Markup("\n```");
            }

            CloseMessage();
        }
    }
}
