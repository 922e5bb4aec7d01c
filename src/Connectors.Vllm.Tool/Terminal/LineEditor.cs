using System.Globalization;
using System.Text;

namespace Connectors.Vllm.Tool.Terminal;

/// <summary>Where the chat's lines come from.</summary>
internal interface ILineSource
{
    /// <summary>The next line; null at the end of the input.</summary>
    Task<string?> ReadAsync(string prompt, CancellationToken cancellationToken);
}

/// <summary>Lines from a pipe.</summary>
internal sealed class PipedLines(TextReader reader) : ILineSource
{
    public async Task<string?> ReadAsync(string prompt, CancellationToken cancellationToken) =>
        await reader.ReadLineAsync(cancellationToken).ConfigureAwait(false);
}

/// <summary>
/// Lines typed on a terminal: arrow keys move and bring earlier lines back, Ctrl+C empties the line, Ctrl+D on an empty line ends the input.
/// </summary>
internal sealed class LineEditor : ILineSource
{
    private readonly List<string> _earlier = [];

    public Task<string?> ReadAsync(string prompt, CancellationToken cancellationToken) => Task.Run(() => Read(prompt), cancellationToken);

    private string? Read(string prompt)
    {
        Console.TreatControlCAsInput = true;
        try
        {
            var line = new Line(prompt, _earlier);
            line.Show();
            while (true)
            {
                if (line.Take(Console.ReadKey(intercept: true)) is { } end)
                {
                    Console.Error.WriteLine();
                    if (end.Text is { Length: > 0 } text && (_earlier.Count == 0 || _earlier[^1] != text))
                    {
                        _earlier.Add(text);
                    }

                    return end.Text;
                }
            }
        }
        finally
        {
            Console.TreatControlCAsInput = false;
        }
    }

    private readonly record struct End(string? Text);

    /// <summary>The line being typed.</summary>
    private sealed class Line(string prompt, List<string> earlier)
    {
        private readonly StringBuilder _text = new();
        private int _cursor;
        private int _recalled = earlier.Count;
        private int _shown;

        /// <summary>Handles a key; returns how the line ended, if it did.</summary>
        public End? Take(ConsoleKeyInfo key)
        {
            switch (key)
            {
                case { Key: ConsoleKey.Enter }:
                    return new End(_text.ToString());
                case { Key: ConsoleKey.D, Modifiers: ConsoleModifiers.Control } when _text.Length == 0:
                    return new End(null);
                case { Key: ConsoleKey.C, Modifiers: ConsoleModifiers.Control }:
                    Replace("");
                    break;
                case { Key: ConsoleKey.LeftArrow }:
                    _cursor = Boundary(-1);
                    break;
                case { Key: ConsoleKey.RightArrow }:
                    _cursor = Boundary(1);
                    break;
                case { Key: ConsoleKey.Home }:
                    _cursor = 0;
                    break;
                case { Key: ConsoleKey.End }:
                    _cursor = _text.Length;
                    break;
                case { Key: ConsoleKey.UpArrow }:
                    Recall(_recalled - 1);
                    break;
                case { Key: ConsoleKey.DownArrow }:
                    Recall(_recalled + 1);
                    break;
                case { Key: ConsoleKey.Backspace }:
                    var end = _cursor;
                    _cursor = Boundary(-1);
                    _text.Remove(_cursor, end - _cursor);
                    break;
                case { Key: ConsoleKey.Delete }:
                    _text.Remove(_cursor, Boundary(1) - _cursor);
                    break;
                case { KeyChar: var character } when !char.IsControl(character):
                    _text.Insert(_cursor++, character);
                    break;
                default:
                    break;
            }

            // The second half of a surrogate pair arrives immediately as a separate key.
            if (!char.IsHighSurrogate(key.KeyChar))
            {
                Show();
            }

            return null;
        }

        public void Show()
        {
            // The part around the cursor when the line is longer than the window is wide.
            var width = Math.Max(10, Console.WindowWidth - prompt.Length - 1);
            var (start, before) = (_cursor, 0);
            while (start > 0 && before + Columns(start - 1) < width)
            {
                before += Columns(--start);
            }

            start += start < _text.Length && char.IsLowSurrogate(_text[start]) ? 1 : 0;
            var (end, shown) = (start, 0);
            while (end < _text.Length && shown + Columns(end) <= width)
            {
                shown += Columns(end++);
            }

            end -= end < _text.Length && char.IsLowSurrogate(_text[end]) ? 1 : 0;
            Console.Error.Write('\r' + prompt + _text.ToString(start, end - start) + new string(' ', Math.Max(0, _shown - shown)) + '\r' + prompt
                + _text.ToString(start, _cursor - start));
            _shown = shown;
        }

        /// <summary>Gets the boundary of the grapheme before or after the cursor; an emoji consists of several chars.</summary>
        private int Boundary(int direction)
        {
            var text = _text.ToString();
            var starts = StringInfo.ParseCombiningCharacters(text);
            return direction < 0 ? starts.LastOrDefault(start => start < _cursor) : starts.FirstOrDefault(start => start > _cursor, text.Length);
        }

        /// <summary>
        /// Gets the approximate number of terminal columns of a char: two for East Asian ones, and one for each half of a surrogate pair.
        /// </summary>
        private int Columns(int index) => _text[index] switch
        {
            (>= '\u1100' and <= '\u115f') or (>= '\u2e80' and <= '\ua4cf') or (>= '\uac00' and <= '\ud7a3') or (>= '\uf900' and <= '\ufaff')
                or (>= '\ufe30' and <= '\ufe6f') or (>= '\uff00' and <= '\uff60') => 2,
            '\u200d' or (>= '\ufe00' and <= '\ufe0f') or (>= '\u0300' and <= '\u036f') => 0,
            _ => 1,
        };

        private void Recall(int index)
        {
            if (index >= 0 && index <= earlier.Count)
            {
                _recalled = index;
                Replace(index == earlier.Count ? "" : earlier[index]);
            }
        }

        private void Replace(string text)
        {
            _text.Clear().Append(text);
            _cursor = text.Length;
        }
    }
}
