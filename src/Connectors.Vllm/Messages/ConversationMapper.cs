using System.Collections;
using System.Text;
using System.Text.Json;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>
/// Messages of Microsoft.Extensions.AI to the dictionaries a chat template reads, by the rules of vLLM's own front end: key order, content format,
/// arguments as objects, reasoning under both names, developer role. Reads its input once, changes nothing, made for one request.
/// </summary>
internal sealed class ConversationMapper
{
    private readonly TemplateTraits _traits;
    private readonly bool _dropReasoning;
    private readonly bool _argumentsAsText;
    private readonly List<Dictionary<string, object?>> _messages = [];
    private readonly ContentReader _reader;
    private readonly HashSet<string> _callIds = new(StringComparer.Ordinal);
    private bool _hasDeveloperMessage;

    private ConversationMapper(TemplateTraits traits, bool dropReasoning, bool argumentsAsText, ILogger logger)
    {
        _traits = traits;
        _dropReasoning = dropReasoning;
        _argumentsAsText = argumentsAsText;
        _reader = new ContentReader(logger);
    }

    /// <param name="messages">The conversation; enumerated once.</param>
    /// <param name="instructions">Extra system text of the request; joined with a leading system message, since many templates allow only one.</param>
    /// <param name="traits">What the template wants.</param>
    /// <param name="dropReasoning">Leave earlier reasoning out.</param>
    /// <param name="argumentsAsText">Hand all tool arguments over as JSON text, for templates that concatenate them.</param>
    /// <param name="logger">Logs content that is skipped.</param>
    /// <exception cref="NotSupportedException">A message holds content that no vLLM model can take.</exception>
    public static TemplateConversation Map(
        IReadOnlyList<ChatMessage> messages, string? instructions, TemplateTraits traits, bool dropReasoning, bool argumentsAsText, ILogger logger)
    {
        var mapper = new ConversationMapper(traits, dropReasoning, argumentsAsText, logger);
        mapper.Run(messages, instructions);
        return new TemplateConversation(mapper._messages, mapper._reader.Media, mapper._callIds);
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
                    ? [new TextContent(string.Join('\n', messages[0].Contents.Cast<TextContent>().Select(static text => text.Text).Where(static text => text.Length > 0).Prepend(instructions)))]
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
        var role = message.Role.Value.ToLowerInvariant();
        if (role == "assistant")
        {
            AddAssistant(message);
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

    private void AddAssistant(ChatMessage message)
    {
        var parts = new ContentParts();
        StringBuilder? reasoning = null;
        List<object?>? calls = null;
        foreach (var content in message.Contents)
        {
            switch (content)
            {
                case TextReasoningContent thought:
                    (reasoning ??= new StringBuilder()).Append(thought.Text);
                    break;
                case FunctionCallContent call:
                    (calls ??= []).Add(Call(call));
                    break;
                case FunctionResultContent:
                    break; // Comes after the message, below.
                default:
                    _reader.Add(parts, content);
                    break;
            }
        }

        // The pieces of one answer are one text; a separator would change what the model said.
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

        AddName(entry, message.AuthorName);
        _messages.Add(entry);
        foreach (var result in message.Contents.OfType<FunctionResultContent>())
        {
            AddResult(result, _reader.Read(result), null);
        }
    }

    private Dictionary<string, object?> Call(FunctionCallContent call)
    {
        _callIds.Add(call.CallId);
        var raw = call.AdditionalProperties?.TryGetValue(VllmResponseKeys.RawArguments, out var kept) == true ? PlainValue.From(kept) as string : null;
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

    /// <summary>Whether the model's own spelling still says what the call says: the application may have changed the arguments since.</summary>
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

    /// <summary>One template message per result; media and text beside the results belong to the result before them.</summary>
    private void AddResults(ChatMessage message, string role)
    {
        FunctionResultContent? current = null;
        ContentParts? parts = null;
        var loose = new List<AIContent>();
        foreach (var content in message.Contents)
        {
            if (content is FunctionResultContent result)
            {
                Flush();
                current = result;
                parts = _reader.Read(result);
            }
            else if (parts is not null && role == "tool")
            {
                _reader.Add(parts, content);
            }
            else
            {
                loose.Add(content);
            }
        }

        Flush();
        if (loose.Count > 0 || message.Contents.Count == 0)
        {
            AddPlain(role, message.AuthorName, loose);
        }

        void Flush()
        {
            if (current is not null)
            {
                AddResult(current, parts!, role == "tool" ? message.AuthorName : null);
            }

            current = null;
            parts = null;
        }
    }

    private void AddResult(FunctionResultContent result, ContentParts parts, string? name)
    {
        // vLLM flattens tool content to a string unless it holds more than text.
        var content = parts.HasMedia ? Content(parts, "\n") : parts.JoinText("\n");
        var entry = new Dictionary<string, object?>(4, StringComparer.Ordinal) { ["role"] = "tool", ["content"] = content, ["tool_call_id"] = result.CallId };
        AddName(entry, name);
        _messages.Add(entry);
    }

    private object Content(ContentParts parts, string separator) =>
        _traits.ContentFormat == ChatContentFormat.String || (_traits.MixedContent && !parts.HasMedia && (separator.Length == 0 || parts.Count <= 1))
            ? parts.JoinWithMarks(separator)
            : parts.ToList();

    private static void AddName(Dictionary<string, object?> entry, string? name)
    {
        if (!string.IsNullOrEmpty(name))
        {
            entry["name"] = name;
        }
    }

    /// <summary>What vLLM does when a developer message meets a template without that role: one system message in front, holding all of them.</summary>
    private void MergeSystemMessages()
    {
        var texts = new List<string>();
        foreach (var message in _messages.Where(static message => (string?)message["role"] == "system"))
        {
            var text = message["content"] as string ?? string.Join('\n', ((IEnumerable)message["content"]!).OfType<Dictionary<string, object?>>().Select(static part => part.GetValueOrDefault("text") as string));
            if (text.Length > 0)
            {
                texts.Add(text);
            }
        }

        _messages.RemoveAll(static message => (string?)message["role"] == "system");
        _messages.Insert(0, new Dictionary<string, object?>(StringComparer.Ordinal) { ["role"] = "system", ["content"] = string.Join("\n\n", texts) });
    }
}
