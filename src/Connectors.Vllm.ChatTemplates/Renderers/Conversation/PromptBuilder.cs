using System.Text;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>Builds a prompt and remembers which of its characters the caller supplied (messages, tools, arguments).</summary>
internal sealed class PromptBuilder
{
    private readonly StringBuilder _text = new(1024);
    private readonly List<Range> _content = [];
    private List<int>? _seams;
    private int _contentStart = -1;
    private int _contentEnd = -1;

    /// <summary>Appends text of the renderer itself: control tokens in it are meant.</summary>
    public PromptBuilder Markup(string text)
    {
        _text.Append(text);
        return this;
    }

    /// <summary>Appends text of the caller: control tokens in it are only text.</summary>
    public PromptBuilder Content(string text)
    {
        var start = _text.Length;
        _text.Append(text);
        return MarkFrom(start);
    }

    /// <summary>Appends texts of the caller that the reference encodes each on its own.</summary>
    public PromptBuilder ContentParts(IReadOnlyList<string> texts)
    {
        var start = _text.Length;
        foreach (var text in texts.Where(text => text.Length > 0))
        {
            if (_text.Length > start)
            {
                Seam();
            }

            Content(text);
        }

        return this;
    }

    /// <summary>The reference encodes what comes next, which must not be empty, on its own.</summary>
    public PromptBuilder Seam()
    {
        (_seams ??= []).Add(_text.Length);
        return this;
    }

    /// <summary>Appends a value of the caller as JSON text.</summary>
    public PromptBuilder ContentJson(PromptValue value, JsonStyle style)
    {
        var start = _text.Length;
        JsonText.Append(_text, value, style);
        return MarkFrom(start);
    }

    /// <summary>Appends a piece as what it is.</summary>
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
        return new RenderedPrompt(_text.ToString(), _content, _seams);
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
