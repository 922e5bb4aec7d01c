namespace Connectors.Vllm.OutputParsing.Machines;

/// <summary>
/// Follows the fences of code blocks through a text. What stands in a code block, or directly behind a backtick, shows a call and makes none, where
/// nothing but its spelling says that it is one.
/// </summary>
internal struct CodeFence
{
    private bool _isOpen;
    private bool _isInLine;
    private int _ticks;

    /// <summary>Takes a piece of the text.</summary>
    public void Pass(ReadOnlySpan<char> text)
    {
        for (var tick = text.IndexOf('`'); tick >= 0; tick = text.IndexOf('`'))
        {
            PassPlain(text[..tick]);
            _ticks++;
            if (_ticks == 3 && !_isInLine)
            {
                _isOpen = !_isOpen;
            }

            text = text[(tick + 1)..];
        }

        PassPlain(text);
    }

    /// <summary>Whether a marker behind this further piece of the text is part of code.</summary>
    public readonly bool Holds(ReadOnlySpan<char> before)
    {
        var at = this;
        at.Pass(before);
        return at._isOpen || at._ticks is 1 or 2;
    }

    private void PassPlain(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty)
        {
            return;
        }

        // Backticks behind other characters of their line are no fence.
        _isInLine |= _ticks > 0;
        _ticks = 0;
        var line = text.LastIndexOf('\n');
        _isInLine = (line < 0 && _isInLine) || !text[(line + 1)..].IsWhiteSpace();
    }
}
