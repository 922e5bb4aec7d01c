using System.Text;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>A message in the form of mistral-common: content in chunks, parsed arguments, truncated call ids.</summary>
internal sealed record MistralMessage
{
    private const int IdLength = 9;

    public required string Role { get; init; }

    /// <summary>The index of the message in the caller's conversation, for errors; −1 for one that the format adds.</summary>
    public int Index { get; init; } = -1;

    /// <summary>The content; a plain string is one text chunk.</summary>
    public IReadOnlyList<MistralChunk> Chunks { get; init; } = [];

    /// <summary>Whether the content is a string and not a list.</summary>
    public bool IsPlain { get; init; }

    public IReadOnlyList<PromptToolCall> Calls { get; init; } = [];

    public string? CallId { get; init; }

    public string? Name { get; init; }

    /// <summary>The content's text; meaningful for plain content.</summary>
    public string Text => Chunks.Count == 1 ? Chunks[0].Text : string.Concat(Chunks.Select(chunk => chunk.Text));

    public static MistralMessage Plain(string role, string text) =>
        new() { Role = role, IsPlain = true, Chunks = [new MistralChunk(MistralChunkKind.Text, text)] };

    /// <exception cref="ChatTemplateException">Mistral models do not accept the message.</exception>
    public static MistralMessage Read(PromptMessage message)
    {
        var role = message.Role == "developer" ? "system" : message.Role;
        if (role is not ("system" or "user" or "assistant" or "tool"))
        {
            throw message.Error("the roles of Mistral models are system, developer, user, assistant and tool");
        }

        if (role != "assistant" && message.Content is null)
        {
            throw message.Error("'content' is missing");
        }

        List<MistralChunk> chunks = message.Content is { IsArray: true } parts ? [.. parts.Items.Select(part => ReadChunk(message, part))]
            : message.Content is { } text ? [new MistralChunk(MistralChunkKind.Text, text.Text)] : [];
        var isPlain = message.Content is not { IsArray: true };
        if (role == "assistant" && message.Reasoning is { } reasoning)
        {
            if (chunks.Exists(chunk => chunk.Kind == MistralChunkKind.Think))
            {
                throw message.Error("reasoning is given both in the content and beside it");
            }

            chunks.Insert(0, new MistralChunk(MistralChunkKind.Think, reasoning));
            isPlain = false;
        }

        return new MistralMessage
        {
            Role = role,
            Index = message.Index,
            IsPlain = isPlain,
            Chunks = chunks,
            Calls = [.. message.ToolCalls.Select(call => call with { Id = CutId(call.Id) })],
            CallId = role != "tool" ? null : CutId(message.ToolCallId ?? throw message.Error("'tool_call_id' is missing")),
            Name = message.Name,
        };
    }

    public ChatTemplateException Error(string what) => new($"messages[{Index}] (role '{Role}'): {what}.");

    private static string CutId(string id) => id.Length > IdLength ? id[^IdLength..] : id;

    private static MistralChunk ReadChunk(PromptMessage message, PromptValue part) => part["type"]!.Text switch
    {
        "text" => new MistralChunk(MistralChunkKind.Text, PromptMessage.PartText(part)),
        "thinking" =>
            new MistralChunk(MistralChunkKind.Think, PromptMessage.PartText(part, "thinking"), part["closed"] is not { Kind: PromptValueKind.False }),
        "image_url" => new MistralChunk(MistralChunkKind.Image, part["image_url"] switch
        {
            { IsString: true } url => url.Text,
            { IsObject: true } image => PromptMessage.PartText(image, "url"),
            _ => "",
        }),
        var type => throw message.Error($"a content part of type '{type}' cannot be rendered for Mistral models"),
    };
}

/// <summary>The kinds of chunks of a Mistral message.</summary>
internal enum MistralChunkKind : byte
{
    Text,
    Think,
    Image,
}

/// <summary>One chunk of a Mistral message.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">Text or reasoning; for an image its URL.</param>
/// <param name="IsClosed">Whether reasoning is finished.</param>
internal sealed record MistralChunk(MistralChunkKind Kind, string Text, bool IsClosed = true);

/// <summary>Merges a conversation into the turns of the format, like mistral-common.</summary>
internal sealed class MistralNormalizer(MistralPromptVersion version)
{
    private const string Gap = "\n\n";

    /// <summary>Returns the turns and, for V3, the system prompt that goes into the last user message.</summary>
    public (List<MistralMessage> Turns, string? System) Normalize(IReadOnlyList<MistralMessage> messages)
    {
        var hasSystemTurns = version != MistralPromptVersion.V3;
        var turns = new List<MistralMessage>();
        var callOrder = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < messages.Count;)
        {
            var run = new List<MistralMessage> { messages[i++] };
            while (i < messages.Count && messages[i].Role == run[0].Role && run[0].Role != "system")
            {
                run.Add(messages[i++]);
            }

            if (hasSystemTurns || run[0].Role != "system")
            {
                AppendRun(turns, run, callOrder);
            }
        }

        if (turns.Count == 0 || (!hasSystemTurns && turns[0].Role != "user"))
        {
            turns.Insert(0, MistralMessage.Plain("user", ""));
        }

        return (turns, hasSystemTurns ? null : SystemPrompt(messages));
    }

    private string? SystemPrompt(IReadOnlyList<MistralMessage> messages)
    {
        var texts = messages.Where(message => message.Role == "system")
            .Select(message => Aggregate([message]).Text)
            .Where(text => text.Length > 0)
            .ToList();
        return texts.Count == 0 ? null : string.Join(Gap, texts);
    }

    private void AppendRun(List<MistralMessage> turns, List<MistralMessage> run, Dictionary<string, int> callOrder)
    {
        switch (run[0].Role)
        {
            case "tool":
                var results = run.Select(message => Aggregate([message]));
                turns.AddRange(version >= MistralPromptVersion.V11
                    ? results.OrderBy(result => callOrder.GetValueOrDefault(result.CallId!, int.MaxValue))
                    : results);
                callOrder.Clear();
                break;
            case "assistant":
                var merged = Aggregate(run) with { Calls = [.. run.SelectMany(message => message.Calls)] };
                if (version == MistralPromptVersion.V3 && merged.Calls.Count > 0 && merged.Text.Length > 0)
                {
                    throw run[0].Error(
                        "consecutive assistant messages have content and tool calls; Mistral's prompt format V3 has no turn with both");
                }

                foreach (var call in merged.Calls)
                {
                    callOrder.TryAdd(call.Id, callOrder.Count);
                }

                turns.Add(merged);
                break;
            default:
                turns.Add(Aggregate(run));
                break;
        }
    }

    /// <summary>Merges consecutive messages: adjacent texts are joined, empty ones are dropped, and other chunks are kept between them.</summary>
    private MistralMessage Aggregate(List<MistralMessage> run)
    {
        var chunks = new List<MistralChunk>();
        var text = new StringBuilder();
        foreach (var message in run)
        {
            var separator = Gap;
            foreach (var chunk in message.Chunks)
            {
                if (chunk.Kind != MistralChunkKind.Text)
                {
                    Flush(chunks, text);
                    chunks.Add(chunk);
                }
                else if (chunk.Text.Length > 0)
                {
                    text.Append(text.Length == 0 ? "" : separator).Append(chunk.Text);
                    separator = version >= MistralPromptVersion.V15 ? "" : Gap;
                }
            }
        }

        var isPlain = chunks.Count == 0;
        Flush(chunks, text);
        return run[0] with { Chunks = chunks, IsPlain = isPlain };
    }

    private static void Flush(List<MistralChunk> chunks, StringBuilder text)
    {
        if (text.Length > 0)
        {
            chunks.Add(new MistralChunk(MistralChunkKind.Text, text.ToString()));
            text.Clear();
        }
    }
}
