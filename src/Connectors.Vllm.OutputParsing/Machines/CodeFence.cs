namespace Connectors.Vllm.OutputParsing.Machines;

/// <summary>
/// Follows the code of a text in Markdown: fenced blocks, and spans between backticks that begin with a sign. Markup that stands in code shows a call
/// and makes none, where nothing but its spelling says that it is one. A span ends with its backticks or its paragraph.
/// </summary>
internal struct CodeFence
{
    private int _fence;
    private bool _isInLine;
    private int _ticks;
    private int _span;

    /// <summary>Adds a piece of the text.</summary>
    public void Pass(ReadOnlySpan<char> text)
    {
        for (var tick = text.IndexOf('`'); tick >= 0; tick = text.IndexOf('`'))
        {
            PassPlain(text[..tick]);
            _ticks++;
            text = text[(tick + 1)..];
        }

        PassPlain(text);
    }

    /// <summary>Whether a marker after this further piece of the text is part of code.</summary>
    public readonly bool Holds(ReadOnlySpan<char> before)
    {
        var at = this;
        at.Pass(before);
        at.EndFence();
        return at._fence > 0 || at._ticks is 1 or 2 || at._span > 0;
    }

    /// <summary>Backticks that begin a line open a block, which as many or more of them close.</summary>
    private void EndFence()
    {
        if (_ticks >= 3 && !_isInLine)
        {
            _fence = _fence == 0 ? _ticks : _ticks >= _fence ? 0 : _fence;
        }
    }

    private void PassPlain(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty)
        {
            return;
        }

        if (_ticks > 0)
        {
            // A letter or space after a backtick begins no span: it may be an apostrophe, or the end of another one.
            EndFence();
            var begins = _span == 0 && _fence == 0 && _ticks < 3 && !char.IsLetterOrDigit(text[0]) && !char.IsWhiteSpace(text[0]);
            _span = begins ? _ticks : _span == _ticks ? 0 : _span;

            // Backticks after other characters of their line are not a fence.
            (_isInLine, _ticks) = (true, 0);
        }

        for (var line = text.IndexOf('\n'); line >= 0; line = text.IndexOf('\n'))
        {
            _isInLine |= !text[..line].IsWhiteSpace();
            _span = _isInLine ? _span : 0;
            _isInLine = false;
            text = text[(line + 1)..];
        }

        _isInLine |= !text.IsWhiteSpace();
    }
}
