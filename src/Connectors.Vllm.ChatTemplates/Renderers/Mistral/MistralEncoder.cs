namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>Writes merged turns as control tokens and content.</summary>
internal sealed class MistralEncoder(MistralPromptOptions options, IReadOnlyList<PromptTool> tools, string? effort, string? system)
{
    private readonly MistralPromptVersion _version = options.Version;
    private readonly PromptBuilder _prompt = new();

    public RenderedPrompt Encode(List<MistralMessage> turns, bool leaveOpen)
    {
        var lastUser = turns.FindLastIndex(turn => turn.Role == "user");
        var toolsAt = _version >= MistralPromptVersion.V13 ? turns.FindIndex(turn => turn.Role == "user") : lastUser;
        _prompt.Markup("<s>");
        for (var i = 0; i < turns.Count; i++)
        {
            switch (turns[i].Role)
            {
                case "system":
                    _prompt.Markup("[SYSTEM_PROMPT]");
                    AppendChunks(turns[i].Chunks);
                    _prompt.Markup("[/SYSTEM_PROMPT]");
                    break;
                case "user":
                    AppendUser(turns[i], takesTools: i == toolsAt, takesSystem: i == lastUser);
                    break;
                case "assistant":
                    AppendAssistant(turns[i]);
                    _prompt.Markup(leaveOpen && i == turns.Count - 1 ? "" : "</s>");
                    break;
                default:
                    AppendToolResult(turns[i]);
                    break;
            }
        }

        return _prompt.Build();
    }

    private void AppendUser(MistralMessage turn, bool takesTools, bool takesSystem)
    {
        if (takesTools && tools.Count > 0)
        {
            _prompt.Markup("[AVAILABLE_TOOLS]").ContentJson(PromptValue.OfArray([.. tools.Select(Declaration)]), JsonStyle.Python)
                .Markup("[/AVAILABLE_TOOLS]");
        }

        if (takesTools && effort is not null)
        {
            _prompt.Markup("[MODEL_SETTINGS]{\"reasoning_effort\": ").ContentJson(PromptValue.OfString(effort), JsonStyle.Python)
                .Markup("}[/MODEL_SETTINGS]");
        }

        // The model was trained with images before the question.
        var chunks = turn.Chunks;
        if (chunks.Count == 2 && chunks[0].Kind == MistralChunkKind.Text && chunks[1].Kind == MistralChunkKind.Image)
        {
            chunks = [chunks[1], chunks[0]];
        }

        _prompt.Markup("[INST]");
        if (takesSystem && system is not null)
        {
            _prompt.Content(system).Markup("\n\n");
            if (!turn.IsPlain && chunks[0].Kind == MistralChunkKind.Text)
            {
                _prompt.Boundary();
            }
        }

        AppendChunks(chunks);
        _prompt.Markup("[/INST]");
    }

    private static PromptValue Declaration(PromptTool tool) => PromptValue.OfObject(
    [
        KeyValuePair.Create("type", PromptValue.OfString("function")),
        KeyValuePair.Create("function", PromptValue.OfObject(
        [
            KeyValuePair.Create("name", PromptValue.OfString(tool.Name)),
            KeyValuePair.Create("description", PromptValue.OfString(tool.Description ?? "")),
            KeyValuePair.Create("parameters", tool.Parameters is { IsTruthy: true } parameters ? parameters : PromptValue.OfObject([])),
        ])),
    ]);

    private void AppendChunks(IReadOnlyList<MistralChunk> chunks)
    {
        foreach (var chunk in chunks)
        {
            switch (chunk.Kind)
            {
                case MistralChunkKind.Think:
                    _prompt.Markup("[THINK]").Content(chunk.Text).Markup(chunk.IsClosed ? "[/THINK]" : "");
                    break;
                case MistralChunkKind.Image:
                    MistralImage.Append(_prompt, chunk.Text, options.Images);
                    break;
                default:
                    _prompt.Content(chunk.Text);
                    break;
            }
        }
    }

    private void AppendAssistant(MistralMessage turn)
    {
        if (turn.Calls.Count == 0 && turn.Chunks.Count == 0)
        {
            throw turn.Error("an assistant message needs content or tool calls");
        }

        if (turn.IsPlain)
        {
            _prompt.Content(turn.Text.TrimEnd(' '));
        }
        else
        {
            AppendChunks(turn.Chunks);
        }

        if (_version <= MistralPromptVersion.V7)
        {
            AppendCallList(turn.Calls);
            return;
        }

        foreach (var call in turn.Calls)
        {
            _prompt.Markup("[TOOL_CALLS]").Content(call.Name);
            if (_version == MistralPromptVersion.V11)
            {
                _prompt.Markup("[CALL_ID]").Content(call.Id);
            }

            _prompt.Markup("[ARGS]").ContentJson(call.ParsedArguments, JsonStyle.Python);
        }
    }

    private void AppendCallList(IReadOnlyList<PromptToolCall> calls)
    {
        for (var i = 0; i < calls.Count; i++)
        {
            _prompt.Markup(i == 0 ? "[TOOL_CALLS][" : ", ").Markup("{\"name\": ").ContentJson(PromptValue.OfString(calls[i].Name), JsonStyle.Python)
                .Markup(", \"arguments\": ").ContentJson(calls[i].ParsedArguments, JsonStyle.Python)
                .Markup(", \"id\": ").ContentJson(PromptValue.OfString(calls[i].Id), JsonStyle.Python).Markup(i == calls.Count - 1 ? "}]" : "}");
        }
    }

    private void AppendToolResult(MistralMessage turn)
    {
        _prompt.Markup("[TOOL_RESULTS]");
        if (_version == MistralPromptVersion.V3)
        {
            var text = turn.Text;
            var value = text.Length == 0 ? PromptValue.OfObject([])
                : PythonJsonReader.TryParse(text, JsonDialect.Python, out var parsed, out _) ? parsed : PromptValue.OfString(text);
            _prompt.Markup("{\"content\": ").ContentJson(value, JsonStyle.Python)
                .Markup(", \"call_id\": ").ContentJson(PromptValue.OfString(turn.CallId!), JsonStyle.Python).Markup("}");
        }
        else
        {
            if (_version <= MistralPromptVersion.V11)
            {
                _prompt.Content(turn.CallId!).Markup("[TOOL_CONTENT]");
            }

            AppendChunks(turn.Chunks);
        }

        _prompt.Markup("[/TOOL_RESULTS]");
    }
}
