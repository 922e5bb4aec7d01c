using System.Text;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>Builds a prompt and records which of its characters come from the caller (messages, tools, arguments).</summary>
internal sealed class PromptBuilder
{
    private readonly StringBuilder _text = new(1024);
    private readonly List<Range> _content = [];
    private List<int>? _boundaries;
    private int _contentStart = -1;
    private int _contentEnd = -1;

    /// <summary>Appends text of the renderer itself, in which control tokens are recognized.</summary>
    public PromptBuilder Markup(string text)
    {
        _text.Append(text);
        return this;
    }

    /// <summary>Appends text of the caller, in which control tokens are ordinary text.</summary>
    public PromptBuilder Content(string text)
    {
        var start = _text.Length;
        _text.Append(text);
        return MarkFrom(start);
    }

    /// <summary>Appends texts of the caller that the reference encodes separately.</summary>
    public PromptBuilder ContentParts(IReadOnlyList<string> texts)
    {
        var start = _text.Length;
        foreach (var text in texts.Where(text => text.Length > 0))
        {
            if (_text.Length > start)
            {
                Boundary();
            }

            Content(text);
        }

        return this;
    }

    /// <summary>Adds a boundary: the reference encodes the following text, which must not be empty, separately.</summary>
    public PromptBuilder Boundary()
    {
        (_boundaries ??= []).Add(_text.Length);
        return this;
    }

    /// <summary>Appends a value of the caller as JSON text.</summary>
    public PromptBuilder ContentJson(PromptValue value, JsonStyle style)
    {
        var start = _text.Length;
        JsonText.Append(_text, value, style);
        return MarkFrom(start);
    }

    /// <summary>Appends a piece as content or markup.</summary>
    public PromptBuilder Append(PromptText piece) => piece.IsContent ? Content(piece.Text) : Markup(piece.Text);

    /// <summary>Appends pieces with the renderer's separator between them.</summary>
    public PromptBuilder AppendJoined(IReadOnlyList<PromptText> pieces, string separator)
    {
        for (var i = 0; i < pieces.Count; i++)
        {
            Markup(i == 0 ? "" : separator).Append(pieces[i]);
        }

        return this;
    }

    public RenderedPrompt Build()
    {
        Flush();
        return new RenderedPrompt(_text.ToString(), _content, _boundaries);
    }

    private PromptBuilder MarkFrom(int start)
    {
        if (_text.Length == start)
        {
            return this;
        }

        if (start != _contentEnd)
        {
            Flush();
            _contentStart = start;
        }

        _contentEnd = _text.Length;
        return this;
    }

    private void Flush()
    {
        if (_contentStart >= 0)
        {
            _content.Add(_contentStart.._contentEnd);
            _contentStart = -1;
        }
    }
}

/// <summary>A piece of prompt text and whether the caller supplied it.</summary>
internal readonly record struct PromptText(string Text, bool IsContent)
{
    public static PromptText Content(string text) => new(text, true);

    public static PromptText Markup(string text) => new(text, false);
}

/// <summary>Reads the texts of a message's content like vLLM's Python front end.</summary>
internal static class TextParts
{
    private const string BillingHeader = "x-anthropic-billing-header";

    /// <summary>Gets the text of every part, in order; a string is one text. Parts without text (images…) are refused.</summary>
    /// <exception cref="ChatTemplateException">A part is not text.</exception>
    public static List<string> Of(PromptMessage message)
    {
        if (message.Content is not { } content)
        {
            return [];
        }

        List<string> texts = content.IsString ? [content.Text] : [.. content.Items.Select(part => TextOf(message, part))];
        if (message.Role == "system")
        {
            for (var i = 0; i < texts.Count; i++)
            {
                texts[i] = WithoutBillingHeader(texts[i]);
            }
        }

        return texts;
    }

    /// <summary>Joins all texts with line feeds; empty texts of a list are dropped.</summary>
    public static string Joined(PromptMessage message) => string.Join('\n', Of(message).Where(text => text.Length > 0));

    private static string TextOf(PromptMessage message, PromptValue part) => part["type"]!.Text switch
    {
        "text" or "input_text" or "output_text" => PromptMessage.PartText(part),
        "refusal" => PromptMessage.PartText(part, "refusal"),
        "thinking" => PromptMessage.PartText(part, "thinking"),
        "tool_reference" => PromptMessage.PartText(part, "name"),
        var type => throw message.Error($"a content part of type '{type}' cannot be rendered for this model, which accepts text"),
    };

    /// <summary>
    /// Removes the billing line that some clients put before their system prompt; it changes with every request and is not meant for the model.
    /// </summary>
    private static string WithoutBillingHeader(string text) =>
        text.StartsWith(BillingHeader, StringComparison.Ordinal)
            ? text[(text.IndexOf('\n', StringComparison.Ordinal) is var end && end < 0 ? text.Length : end + 1)..]
            : text;
}
