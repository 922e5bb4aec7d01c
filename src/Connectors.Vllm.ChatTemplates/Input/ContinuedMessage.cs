using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Input;

/// <summary>
/// Implements continue_final_message like transformers: a sentinel after the last message's text marks its position in the prompt, which is truncated
/// there. Source: transformers, chat_template_utils.render_jinja_template.
/// </summary>
internal sealed class ContinuedMessage
{
    private const string Sentinel = "CONTINUE_FINAL_MESSAGE_TAG ";

    private readonly string _finalText;

    private ContinuedMessage(Value messages, string finalText)
    {
        Messages = messages;
        _finalText = finalText;
    }

    /// <summary>The messages with the sentinel in the last one.</summary>
    public Value Messages { get; }

    /// <summary>Gets the field to continue, or null for none.</summary>
    public static string? FieldOf(object? continueFinalMessage) => continueFinalMessage switch
    {
        null or false => null,
        true => "content",
        string { Length: > 0 } field => field,
        string => null,
        System.Text.Json.JsonElement { ValueKind: System.Text.Json.JsonValueKind.True } => "content",
        System.Text.Json.JsonElement { ValueKind: System.Text.Json.JsonValueKind.String } field => field.GetString(),
        System.Text.Json.JsonElement => null,
        _ => throw new ChatTemplateException("ContinueFinalMessage must be true, false, null or the name of a message field."),
    };

    public static ContinuedMessage Prepare(ChatTemplateInput input, string source, string field)
    {
        if (input.AddGenerationPrompt)
        {
            throw new ChatTemplateException(
                "AddGenerationPrompt and ContinueFinalMessage are mutually exclusive: "
                + "the prompt either starts a new turn or continues the last one.");
        }

        if (!source.Contains(field, StringComparison.Ordinal))
        {
            throw new ChatTemplateException($"ContinueFinalMessage names the field '{field}', which the chat template does not mention.");
        }

        if (ValueReader.Read(input.Messages, ContentScope.Messages).Object is not PySequence { Length: > 0 } messages
            || messages.Items[^1].Object is not PyDict last
            || !last.TryGet(field, out var content))
        {
            throw new ChatTemplateException($"ContinueFinalMessage is set, but the last message has no '{field}'.");
        }

        var (continued, text) = Continue(content, field);
        return new ContinuedMessage(PySequence.List([.. messages.Items[..^1], With(last, field, continued)]), text);
    }

    /// <summary>Truncates the prompt after the last message's text.</summary>
    public RenderedPrompt Cut(RenderedPrompt prompt)
    {
        var text = prompt.Text;
        var sentinel = Sentinel.TrimEnd();
        var at = text.LastIndexOf(sentinel, StringComparison.Ordinal);
        if (at < 0 || !text.Contains(Characters.Strip(_finalText), StringComparison.Ordinal))
        {
            throw new ChatTemplateException(
                "ContinueFinalMessage is set, but the last message does not appear unchanged in the rendered prompt.");
        }

        var end = text.AsSpan(at).StartsWith(Sentinel, StringComparison.Ordinal)
            ? at
            : Characters.Trim(text[..at], null, left: false, right: true).End;
        var content = new List<Range>();
        foreach (var range in prompt.Content)
        {
            if (range.Start.Value < end)
            {
                content.Add(new Range(range.Start, Math.Min(range.End.Value, end)));
            }
        }

        return new RenderedPrompt(text[..end], content);
    }

    private static (Value Continued, string Text) Continue(Value content, string field)
    {
        if (content.TryGetStr(out var text))
        {
            return (Mark(text), text.Text);
        }

        if (content.Object is PySequence parts)
        {
            for (var i = parts.Length - 1; i >= 0; i--)
            {
                if (parts.Items[i].Object is PyDict part && part.TryGet("text", out var partText))
                {
                    var own = partText.TryGetStr(out var found)
                        ? found
                        : throw new ChatTemplateException("ContinueFinalMessage is set, but the text of the last part is not a string.");
                    var items = (Value[])parts.Items.Clone();
                    items[i] = With(part, "text", Mark(own));
                    return (PySequence.List(items), own.Text);
                }
            }
        }

        throw new ChatTemplateException($"ContinueFinalMessage is set, but the last message's '{field}' contains no text to continue.");
    }

    private static Value Mark(Str text) => Value.Of(text.Text + Sentinel, marked: true);

    private static Value With(PyDict source, string key, Value value)
    {
        var copy = new PyDict(source.Length);
        for (var i = 0; i < source.Length; i++)
        {
            copy.Set(source.Keys[i], source.Keys[i].Text == key ? value : source.Values[i]);
        }

        return Value.Of(copy);
    }
}

/// <summary>The variables of a render in transformers' order of precedence: kwargs over special tokens; messages and switches over both.</summary>
internal static class TemplateVariables
{
    public static Dictionary<string, Value> Of(ChatTemplateInput input)
    {
        var variables = new Dictionary<string, Value>(16, StringComparer.Ordinal);
        foreach (var (name, token) in input.SpecialTokens ?? new Dictionary<string, object?>())
        {
            if (token is not null)
            {
                variables[name] = ValueReader.Read(token, ContentScope.Trusted);
            }
        }

        foreach (var (name, value) in input.Kwargs ?? new Dictionary<string, object?>())
        {
            variables[name] = ValueReader.Read(value, input.TrustsKwargs ? ContentScope.Trusted : ContentScope.Content);
        }

        variables["messages"] = ValueReader.Read(input.Messages, ContentScope.Messages);
        variables["tools"] = ValueReader.Read(input.Tools, ContentScope.Content);
        variables["documents"] = ValueReader.Read(input.Documents, ContentScope.Content);
        variables["add_generation_prompt"] = Value.Of(input.AddGenerationPrompt);
        return variables;
    }
}
