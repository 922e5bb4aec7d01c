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

        /// <summary>Takes a key; returns the end of the line when this was it.</summary>
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
                    _cursor = Math.Max(0, _cursor - 1);
                    break;
                case { Key: ConsoleKey.RightArrow }:
                    _cursor = Math.Min(_text.Length, _cursor + 1);
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
                case { Key: ConsoleKey.Backspace } when _cursor > 0:
                    _text.Remove(--_cursor, 1);
                    break;
                case { Key: ConsoleKey.Delete } when _cursor < _text.Length:
                    _text.Remove(_cursor, 1);
                    break;
                case { KeyChar: >= ' ' }:
                    _text.Insert(_cursor++, key.KeyChar);
                    break;
                default:
                    break;
            }

            Show();
            return null;
        }

        public void Show()
        {
            // The part around the cursor when the line is longer than the window is wide.
            var width = Math.Max(10, Console.WindowWidth - prompt.Length - 1);
            var start = Math.Max(0, _cursor - width + 1);
            var visible = _text.ToString(start, Math.Min(width, _text.Length - start));
            Console.Error.Write('\r' + prompt + visible.PadRight(_shown) + '\r' + prompt + visible[..(_cursor - start)]);
            _shown = visible.Length;
        }

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
