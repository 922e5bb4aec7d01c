using System.Text;

namespace Connectors.Vllm.Samples.Chat;

/// <summary>Reads lines from a terminal and recalls earlier ones with the arrow keys; .NET's own ReadLine does not on Linux and macOS.</summary>
internal sealed class LineEditor
{
    private const string ClearLine = "\r\u001b[K";

    private readonly List<string> _lines = [];

    /// <summary>One line; null when the input ends (Ctrl+D on an empty line).</summary>
    public string? ReadLine(string prompt)
    {
        var line = new StringBuilder();
        var recalled = _lines.Count;
        Console.Error.Write(prompt);
        while (true)
        {
            var key = Console.ReadKey(intercept: true);
            switch (key.Key)
            {
                case ConsoleKey.Enter:
                    Console.Error.WriteLine();
                    if (line.Length > 0)
                    {
                        _lines.Add(line.ToString());
                    }

                    return line.ToString();
                case ConsoleKey.D when key.Modifiers == ConsoleModifiers.Control && line.Length == 0:
                    Console.Error.WriteLine();
                    return null;
                case ConsoleKey.UpArrow when recalled > 0:
                    Recall(--recalled);
                    break;
                case ConsoleKey.DownArrow when recalled < _lines.Count:
                    Recall(++recalled);
                    break;
                case ConsoleKey.Backspace when line.Length > 0:
                    // Both halves of a character outside the basic plane.
                    line.Length -= char.IsLowSurrogate(line[^1]) && line.Length > 1 ? 2 : 1;
                    Redraw();
                    break;
                default:
                    if (key.KeyChar >= ' ' && key.KeyChar != '\u007f')
                    {
                        line.Append(key.KeyChar);
                        Console.Error.Write(key.KeyChar);
                    }

                    break;
            }
        }

        void Recall(int index)
        {
            line.Clear().Append(index < _lines.Count ? _lines[index] : string.Empty);
            Redraw();
        }

        void Redraw() => Console.Error.Write($"{ClearLine}{prompt}{line}");
    }
}
