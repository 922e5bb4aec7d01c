using System.Collections;
using System.Text;
using System.Text.Json;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>
/// Converts messages of Microsoft.Extensions.AI to the dictionaries that chat templates read, by the rules of vLLM's own front end: key order,
/// content format, arguments as objects, reasoning under both names, developer role. The input is enumerated once and not modified. Used for one
/// request.
/// </summary>
internal sealed class ConversationMapper
{
    private readonly TemplateTraits _traits;
    private readonly bool _dropReasoning;
    private readonly bool _argumentsAsText;
    private readonly List<Dictionary<string, object?>> _messages = [];
    private readonly ContentReader _reader;
    private readonly Dictionary<object, int> _mediaParts = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<string> _callIds = new(StringComparer.Ordinal);
    private bool _hasDeveloperMessage;

    private ConversationMapper(TemplateTraits traits, bool dropReasoning, bool argumentsAsText, ContentReader reader)
    {
        _traits = traits;
        _dropReasoning = dropReasoning || traits.RefusesReasoning;
        _argumentsAsText = argumentsAsText;
        _reader = reader;
    }

    /// <param name="messages">The conversation; enumerated once.</param>
    /// <param name="instructions">The request's instructions; joined with a leading system message, because many templates allow only one.</param>
    /// <param name="traits">The traits of the template.</param>
    /// <param name="dropReasoning">Whether to omit earlier reasoning.</param>
    /// <param name="argumentsAsText">Whether to pass tool arguments as JSON text, for templates that concatenate them.</param>
    /// <param name="reader">The reader of the contents, used for this mapping only.</param>
    /// <exception cref="NotSupportedException">A message contains content that no vLLM model accepts.</exception>
    public static TemplateConversation Map(
        IReadOnlyList<ChatMessage> messages, string? instructions, TemplateTraits traits, bool dropReasoning, bool argumentsAsText,
        ContentReader reader)
    {
        var mapper = new ConversationMapper(traits, dropReasoning, argumentsAsText, reader);
        mapper.Run(messages, instructions);
        return new TemplateConversation(mapper._messages, mapper._reader.Media, mapper._mediaParts, mapper._callIds);
    }

    private void Run(IReadOnlyList<ChatMessage> messages, string? instructions)
    {
        if (!string.IsNullOrEmpty(instructions))
        {
            var merge = messages.Count > 0 && messages[0].Role == ChatRole.System;
            var joined = new ChatMessage(ChatRole.System, instructions);
            if (merge)
            {
                joined.Contents = messages[0].Contents.All(static content => content is TextContent)
                    ? [new TextContent(
                        string.Join('\n', messages[0].Contents.Cast<TextContent>().Select(static text => text.Text)
                            .Where(static text => text.Length > 0).Prepend(instructions)))]
                    : [new TextContent(instructions), .. messages[0].Contents];
                joined.AuthorName = messages[0].AuthorName;
            }

            Add(joined);
            for (var i = merge ? 1 : 0; i < messages.Count; i++)
            {
                Add(messages[i]);
            }
        }
        else
        {
            foreach (var message in messages)
            {
                Add(message);
            }
        }

        if (_hasDeveloperMessage && !_traits.KnowsDeveloperRole)
        {
            MergeSystemMessages();
        }
    }

    private void Add(ChatMessage message)
    {
        var role = message.Role.Value.ToLowerInvariant() switch
        {
            "function" => "tool", // OpenAI's name for the role before there were several tools.
            var other => other,
        };
        if (role == "assistant")
        {
            AddAssistant(message);
        }
        else if (message.Contents.Any(static content => content is FunctionCallContent))
        {
            AddAroundCalls(message);
        }
        else if (role == "tool" || message.Contents.Any(static content => content is FunctionResultContent))
        {
            AddResults(message, role);
        }
        else
        {
            if (role == "developer")
            {
                _hasDeveloperMessage = true;
                role = _traits.KnowsDeveloperRole ? role : "system";
            }

            AddPlain(role, message.AuthorName, message.Contents);
        }
    }

    /// <summary>Calls in a message of somebody else: a call is the assistant's, whoever handed it on.</summary>
    private void AddAroundCalls(ChatMessage message)
    {
        var part = new ChatMessage();
        foreach (var content in message.Contents)
        {
            var role = content is FunctionCallContent ? ChatRole.Assistant : message.Role;
            if (part.Contents.Count > 0 && part.Role != role)
            {
                Add(part);
                part = new ChatMessage();
            }

            part.Role = role;
            part.AuthorName = content is FunctionCallContent ? null : message.AuthorName;
            part.Contents.Add(content);
        }

        Add(part);
    }

    private void AddPlain(string role, string? name, IEnumerable<AIContent> contents)
    {
        var parts = new ContentParts();
        foreach (var content in contents)
        {
            _reader.Add(parts, content);
        }

        var entry = new Dictionary<string, object?>(3, StringComparer.Ordinal) { ["role"] = role, ["content"] = Content(parts, "\n") };
        AddName(entry, name);
        _messages.Add(entry);
    }

    /// <summary>Adds a turn of the assistant. Results within it (of tools that ran at the provider) split it into several turns.</summary>
    private void AddAssistant(ChatMessage message)
    {
        var turn = new List<AIContent>(message.Contents.Count);
        var results = new List<FunctionResultContent>();
        foreach (var content in message.Contents)
        {
            if (content is FunctionResultContent result)
            {
                results.Add(result);
                continue;
            }

            if (results.Count > 0)
            {
                Flush();
            }

            turn.Add(content);
        }

        Flush();

        void Flush()
        {
            AddAssistantTurn(turn, message.AuthorName);
            foreach (var result in results)
            {
                AddResult(result, _reader.Read(result), null);
            }

            turn.Clear();
            results.Clear();
        }
    }

    private void AddAssistantTurn(List<AIContent> contents, string? name)
    {
        var parts = new ContentParts();
        StringBuilder? reasoning = null;
        List<object?>? calls = null;
        foreach (var content in contents)
        {
            switch (content)
            {
                case TextReasoningContent { Text.Length: 0 } part:
                    _reader.Omit(part); // Some providers return reasoning only encrypted.
                    break;
                case TextReasoningContent part:
                    (reasoning ??= new StringBuilder()).Append(part.Text);
                    break;
                case FunctionCallContent call:
                    (calls ??= []).Add(Call(call));
                    break;
                default:
                    _reader.Add(parts, content);
                    break;
            }
        }

        // The pieces of one answer form one text; a separator would change it.
        var entry = new Dictionary<string, object?>(6, StringComparer.Ordinal) { ["role"] = "assistant", ["content"] = Content(parts, string.Empty) };
        if (calls is not null)
        {
            entry["tool_calls"] = calls;
        }

        if (reasoning is not null && !_dropReasoning)
        {
            var text = reasoning.ToString();
            entry["reasoning"] = text;
            entry["reasoning_content"] = text;
            if (_traits.ReadsThinkingKey)
            {
                entry["thinking"] = text;
            }
        }

        AddName(entry, name);
        _messages.Add(entry);
    }

    private Dictionary<string, object?> Call(FunctionCallContent call)
    {
        _callIds.Add(call.CallId);
        var raw = call.AdditionalProperties?.TryGetValue(VllmResponseKeys.RawArguments, out var kept) == true
            ? PlainValue.From(kept) as string
            : null;
        var plain = PlainValue.From(call.Arguments) ?? new Dictionary<string, object?>();
        var arguments = (_traits.PrintsArgumentText || _argumentsAsText) && raw is not null && SameArguments(raw, plain) ? raw
            : _argumentsAsText ? PlainJson.Write(plain)
            : plain;

        return new Dictionary<string, object?>(3, StringComparer.Ordinal)
        {
            ["id"] = call.CallId,
            ["type"] = "function",
            ["function"] = new Dictionary<string, object?>(2, StringComparer.Ordinal) { ["name"] = call.Name, ["arguments"] = arguments },
        };
    }

    /// <summary>Whether the text written by the model is equal to the arguments, which the application may have changed since.</summary>
    private static bool SameArguments(string raw, object plain)
    {
        try
        {
            using var document = JsonDocument.Parse(raw);
            return PlainJson.Write(PlainValue.From(document.RootElement)) == PlainJson.Write(plain);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>
    /// Adds one template message per result. In a tool's message, other contents belong to the preceding result (leading ones to the first result),
    /// and a text that repeats a result is ignored, because Semantic Kernel's connectors write both.
    /// </summary>
    private void AddResults(ChatMessage message, string role)
    {
        var loose = new List<AIContent>();
        var results = new List<(FunctionResultContent Result, ContentParts Parts)>();
        var ofTool = role == "tool";
        foreach (var content in message.Contents)
        {
            if (content is FunctionResultContent result)
            {
                results.Add((result, _reader.Read(result)));
            }
            else if (ofTool && results.Count > 0)
            {
                if (!Repeats(content))
                {
                    _reader.Add(results[^1].Parts, content);
                }
            }
            else
            {
                loose.Add(content);
            }
        }

        if (ofTool && results.Count > 0)
        {
            loose.RemoveAll(Repeats);
            foreach (var content in loose)
            {
                _reader.Add(results[0].Parts, content);
            }

            loose.Clear();
        }

        foreach (var (result, parts) in results)
        {
            AddResult(result, parts, ofTool ? message.AuthorName : null);
        }

        if (loose.Count > 0 || message.Contents.Count == 0)
        {
            AddPlain(role, message.AuthorName, loose);
        }

        bool Repeats(AIContent content) => content is TextContent { Text: var text }
            && results.Exists(result => !result.Parts.HasMedia && result.Parts.JoinText("\n") == text);
    }

    private void AddResult(FunctionResultContent result, ContentParts parts, string? name)
    {
        // vLLM converts tool content to a string unless it contains more than text.
        var content = parts.HasMedia ? Content(parts, "\n") : parts.JoinText("\n");
        var entry = new Dictionary<string, object?>(4, StringComparer.Ordinal)
        { ["role"] = "tool", ["content"] = content, ["tool_call_id"] = result.CallId };
        AddName(entry, name);
        _messages.Add(entry);
    }

    private object Content(ContentParts parts, string separator) =>
        _traits.ContentFormat == ChatContentFormat.String || (_traits.MixedContent && !parts.HasMedia && (separator.Length == 0 || parts.Count <= 1))
            ? parts.JoinWithMarks(separator)
            : parts.ToList(_mediaParts);

    private static void AddName(Dictionary<string, object?> entry, string? name)
    {
        if (!string.IsNullOrEmpty(name))
        {
            entry["name"] = name;
        }
    }

    /// <summary>
    /// Merges all system messages into one at the beginning, as vLLM does for a developer message if the template does not support that role.
    /// </summary>
    private void MergeSystemMessages()
    {
        var texts = new List<string>();
        foreach (var message in _messages.Where(static message => (string?)message["role"] == "system"))
        {
            var text = message["content"] as string
                ?? string.Join('\n', ((IEnumerable)message["content"]!).OfType<Dictionary<string, object?>>()
                    .Select(static part => part.GetValueOrDefault("text") as string).OfType<string>());
            if (text.Length > 0)
            {
                texts.Add(text);
            }
        }

        var joined = TemplateMessage.Content(
            string.Join("\n\n", texts), asList: _traits is { ContentFormat: ChatContentFormat.OpenAI, MixedContent: false });
        List<object?> media =
        [
            .. _messages.Where(static message => (string?)message["role"] == "system")
                .SelectMany(static message => message["content"] as List<object?> ?? []).Where(part => _mediaParts.ContainsKey(part!)),
        ];
        _messages.RemoveAll(static message => (string?)message["role"] == "system");
        _messages.Insert(
            0, new Dictionary<string, object?>(StringComparer.Ordinal)
            {
                ["role"] = "system",
                ["content"] = media.Count == 0 ? joined : TemplateMessage.JoinContent(joined, media),
            });
    }
}

/// <summary>A conversation in the form that chat templates read.</summary>
/// <param name="Messages">One dictionary per message, with the keys in vLLM's order.</param>
/// <param name="Media">The media, in the order of the messages.</param>
/// <param name="MediaParts">The parts that stand for media where contents are lists, by reference, with the index of the media item.</param>
/// <param name="CallIds">The ids of all tool calls in the history, which new calls must not reuse.</param>
internal sealed record TemplateConversation(
    List<Dictionary<string, object?>> Messages,
    IReadOnlyList<MediaItem> Media,
    IReadOnlyDictionary<object, int> MediaParts,
    IReadOnlySet<string> CallIds)
{
    /// <summary>Whether there are no messages, for which templates would render a meaningless prompt.</summary>
    public bool IsEmpty => Messages.Count == 0;
}
