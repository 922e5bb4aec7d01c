namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>
/// The common parts of the DeepSeek V4 and V4.1 prompts: tool results become part of user turns, each turn but the last opens the next assistant
/// turn, and reasoning of earlier turns is dropped if there are no tools. Thinking is on by default.
/// </summary>
internal abstract class DeepSeekTurnRenderer : ChatPromptRenderer
{
    private static readonly string[] Tasks = ["action", "query", "authority", "domain", "title", "read_url"];

    /// <summary>Text before every word of the tool-call markup.</summary>
    protected abstract string Gap { get; }

    /// <summary>Name of the element around an assistant's calls.</summary>
    protected abstract string CallsBlock { get; }

    /// <summary>The tools section, with the line SCHEMAS for the functions.</summary>
    protected abstract string ToolsSection { get; }

    /// <inheritdoc/>
    public override RenderedPrompt Render(ChatTemplateInput input)
    {
        var request = PromptRequest.Read(input);
        CheckRoles(request.Messages);
        request.RequireAssistantToContinue();
        var wantsThinking = request.Kwarg("thinking") is null && request.Kwarg("enable_thinking") is null
            || request.Kwarg("thinking") is { IsTruthy: true } || request.Kwarg("enable_thinking") is { IsTruthy: true };
        var effort = ReadEffort(request.Kwarg("reasoning_effort"));
        var thinking = wantsThinking && effort is not null;

        var turns = Merge(ReadTurns(request));
        SortResults(turns);
        var keepAll = request.Kwarg("drop_thinking") is { IsTruthy: false } || turns.Exists(turn => turn.Tools.Count > 0);
        if (thinking && !keepAll)
        {
            turns = DropHistory(turns);
        }

        var prompt = new PromptBuilder().Markup(DeepSeekMarkup.Begin);
        var lastOpener = LastOpener(turns);
        for (var i = 0; i < turns.Count; i++)
        {
            var isLast = i == turns.Count - 1;
            AppendHead(prompt, turns[i], i, thinking ? effort : null);
            var showsReasoning = thinking && (i == 0 || turns[i - 1].Task is null) && (keepAll || i > lastOpener);
            AppendBody(prompt, turns[i], showsReasoning, leaveOpen: isLast && request.ContinueFinalMessage);
            if (isLast ? request.AddGenerationPrompt : turns[i + 1].Role is "assistant" or "latest_reminder")
            {
                AppendTransition(prompt, turns, i, thinking, opensThinking: thinking && (keepAll || i >= lastOpener));
            }
        }

        return prompt.Build();
    }

    /// <summary>Refuses roles that must not occur at all.</summary>
    protected virtual void CheckRoles(IReadOnlyList<PromptMessage> messages)
    {
    }

    /// <summary>Reads the effort for <see cref="AppendHead"/>, or null if thinking is off.</summary>
    protected abstract string? ReadEffort(PromptValue? effort);

    /// <summary>Reads the content of a message in pieces; images are text of the renderer.</summary>
    protected abstract IReadOnlyList<PromptText> ReadContent(PromptMessage message);

    /// <summary>Reads the message's own tools.</summary>
    protected abstract IReadOnlyList<PromptTool> ReadTools(PromptMessage message);

    /// <summary>The blocks of a user message.</summary>
    protected virtual IEnumerable<DeepSeekBlock> ReadBlocks(PromptMessage message) => [new DeepSeekBlock(ReadContent(message))];

    /// <summary>Whether the turn counts as one that the assistant answers.</summary>
    protected abstract bool IsOpener(DeepSeekTurn turn, int index);

    /// <summary>Whether the turn opens the assistant's when it is the last one or the assistant follows.</summary>
    protected abstract bool OpensAssistant(DeepSeekTurn turn, int index, bool assistantFollowsOrLast);

    /// <summary>Appends the text before a turn's body; <paramref name="effort"/> is null if thinking is off.</summary>
    protected abstract void AppendHead(PromptBuilder prompt, DeepSeekTurn turn, int index, string? effort);

    /// <summary>Text after a turn's tools.</summary>
    protected virtual void AppendResponseFormat(PromptBuilder prompt, DeepSeekTurn turn)
    {
    }

    /// <summary>Whether an assistant turn ends without the end token.</summary>
    protected virtual bool HasNoEnd(DeepSeekTurn turn) => false;

    private List<DeepSeekTurn> ReadTurns(PromptRequest request)
    {
        var turns = new List<DeepSeekTurn>();
        var toolsPending = request.Tools.Count > 0;
        if (toolsPending && !request.Messages.Any(message => message.Role == "system"))
        {
            turns.Add(new DeepSeekTurn { Role = "system", Tools = request.Tools });
            toolsPending = false;
        }

        foreach (var message in request.Messages)
        {
            var takesTools = toolsPending && message.Role == "system";
            toolsPending &= !takesTools;
            var turn = new DeepSeekTurn
            {
                Role = message.Role,
                Source = message,
                Pieces = message.Role == "user" ? [] : ReadContent(message),
                ToolCalls = message.ToolCalls,
                Tools = takesTools ? request.Tools : ReadTools(message),
                Task = message.Task,
                Reasoning = message.Reasoning,
            };
            if (message.Role == "user")
            {
                turn.Blocks.AddRange(ReadBlocks(message));
            }

            turns.Add(turn);
        }

        return turns;
    }

    private static List<DeepSeekTurn> Merge(List<DeepSeekTurn> turns)
    {
        var merged = new List<DeepSeekTurn>(turns.Count);
        foreach (var turn in turns)
        {
            var previous = merged.Count > 0 && merged[^1].Role == "user" ? merged[^1] : null;
            if (turn.Role == "tool")
            {
                if (previous is null)
                {
                    previous = new DeepSeekTurn { Role = "user" };
                    merged.Add(previous);
                }

                previous.Blocks.Add(new DeepSeekBlock(turn.Pieces, IsResult: true, turn.Source?.ToolCallId));
            }
            else if (turn.Role == "user" && previous is { Task: null })
            {
                previous.Blocks.AddRange(turn.Blocks);
            }
            else
            {
                merged.Add(turn);
            }
        }

        return merged;
    }

    private static void SortResults(List<DeepSeekTurn> turns)
    {
        var positions = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var turn in turns)
        {
            if (turn.ToolCalls.Count > 0)
            {
                positions.Clear();
                for (var i = 0; i < turn.ToolCalls.Count; i++)
                {
                    if (turn.ToolCalls[i].Id is { Length: > 0 } id)
                    {
                        positions[id] = i;
                    }
                }
            }
            else if (turn.Role == "user" && positions.Count > 0)
            {
                var sorted = turn.Blocks.Where(block => block.IsResult).OrderBy(block => positions.GetValueOrDefault(block.CallId ?? "")).ToList();
                for (int i = 0, next = 0; i < turn.Blocks.Count; i++)
                {
                    turn.Blocks[i] = turn.Blocks[i].IsResult ? sorted[next++] : turn.Blocks[i];
                }
            }
        }
    }

    private List<DeepSeekTurn> DropHistory(List<DeepSeekTurn> turns)
    {
        var last = LastOpener(turns);
        var kept = new List<DeepSeekTurn>(turns.Count);
        for (var i = 0; i < turns.Count; i++)
        {
            if (i >= last || turns[i].Role is "user" or "system" or "latest_reminder" or "direct_search_results" or "assistant")
            {
                turns[i].Reasoning = i < last ? null : turns[i].Reasoning;
                kept.Add(turns[i]);
            }
        }

        return kept;
    }

    private int LastOpener(List<DeepSeekTurn> turns)
    {
        var index = turns.Count - 1;
        while (index >= 0 && !IsOpener(turns[index], index))
        {
            index--;
        }

        return index;
    }

    private void AppendBody(PromptBuilder prompt, DeepSeekTurn turn, bool showsReasoning, bool leaveOpen)
    {
        switch (turn.Role)
        {
            case "system":
                prompt.AppendJoined(turn.Pieces, "\n\n");
                AppendToolsAndFormat(prompt, turn);
                break;
            case "developer":
                if (turn.Pieces.Sum(piece => piece.Text.Length) == 0)
                {
                    throw turn.Source!.Error("a developer message must have text");
                }

                prompt.Markup(DeepSeekMarkup.User).AppendJoined(turn.Pieces, "\n\n");
                AppendToolsAndFormat(prompt, turn);
                break;
            case "user":
                prompt.Markup(DeepSeekMarkup.User);
                for (var i = 0; i < turn.Blocks.Count; i++)
                {
                    var block = turn.Blocks[i];
                    prompt.Markup(i == 0 ? "" : "\n\n").Markup(block.IsResult ? "<tool_result>" : "")
                        .AppendJoined(block.Pieces, "\n\n").Markup(block.IsResult ? "</tool_result>" : "");
                }

                break;
            case "latest_reminder":
                prompt.Markup(DeepSeekMarkup.LatestReminder).AppendJoined(turn.Pieces, "\n\n");
                break;
            case "assistant":
                if (showsReasoning)
                {
                    prompt.Content(turn.Reasoning ?? "").Markup(DeepSeekMarkup.ThinkClose);
                }

                prompt.AppendJoined(turn.Pieces, "\n\n");
                if (turn.ToolCalls.Count > 0)
                {
                    DeepSeekMarkup.AppendCalls(prompt, turn.ToolCalls, CallsBlock, Gap);
                }

                prompt.Markup(leaveOpen || HasNoEnd(turn) ? "" : DeepSeekMarkup.End);
                break;
            default:
                throw turn.Source!.Error("invalid role for this DeepSeek model");
        }
    }

    private void AppendToolsAndFormat(PromptBuilder prompt, DeepSeekTurn turn)
    {
        if (turn.Tools.Count > 0)
        {
            DeepSeekMarkup.AppendTools(prompt.Markup("\n\n"), ToolsSection, turn.Tools);
        }

        AppendResponseFormat(prompt, turn);
    }

    private void AppendTransition(PromptBuilder prompt, List<DeepSeekTurn> turns, int index, bool thinking, bool opensThinking)
    {
        var turn = turns[index];
        if (turn.Task is { } task)
        {
            if (!Tasks.Contains(task))
            {
                throw turn.Source!.Error($"invalid task '{task}'; valid tasks are {string.Join(", ", Tasks)}");
            }

            if (task == "action")
            {
                prompt.Markup(DeepSeekMarkup.Assistant).Markup(thinking ? DeepSeekMarkup.ThinkOpen : DeepSeekMarkup.ThinkClose);
            }

            prompt.Markup($"<｜{task}｜>");
        }
        else if (OpensAssistant(turn, index, index == turns.Count - 1 || turns[index + 1].Role == "assistant"))
        {
            prompt.Markup(DeepSeekMarkup.Assistant).Markup(opensThinking ? DeepSeekMarkup.ThinkOpen : DeepSeekMarkup.ThinkClose);
        }
    }
}

/// <summary>A turn, into which tool results and adjacent user messages have been merged.</summary>
internal sealed class DeepSeekTurn
{
    public required string Role { get; init; }

    /// <summary>The first message of the turn; null for the system turn that contains only the request's tools.</summary>
    public PromptMessage? Source { get; init; }

    /// <summary>Content of every turn that is not a user turn.</summary>
    public IReadOnlyList<PromptText> Pieces { get; init; } = [];

    /// <summary>Content of a user turn.</summary>
    public List<DeepSeekBlock> Blocks { get; } = [];

    public IReadOnlyList<PromptToolCall> ToolCalls { get; init; } = [];

    public IReadOnlyList<PromptTool> Tools { get; init; } = [];

    public string? Task { get; init; }

    /// <summary>The turn's reasoning; cleared if the model should not see it again.</summary>
    public string? Reasoning { get; set; }
}
