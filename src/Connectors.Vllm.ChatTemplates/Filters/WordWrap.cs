using Connectors.Vllm.ChatTemplates.Methods;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Filters;

/// <summary>The filter <c>wordwrap</c>: Python's textwrap for each line of a text.</summary>
internal static class WordWrap
{
    public static Value Apply(RenderContext context, Value value, Value[] arguments)
    {
        if (!value.TryGetStr(out var text))
        {
            throw new PyException($"wordwrap needs a string, not {PyOps.TypeName(value)}");
        }

        var width = Method.Argument(arguments, 0) is { IsMissing: false } given ? PyNumber.ToIndex(given) : 79;
        if (width <= 0)
        {
            throw new PyException($"invalid width {width} (must be > 0)");
        }

        var breakWords = Method.Argument(arguments, 1) is not { IsMissing: false } longWords || PyOps.IsTruthy(longWords);
        var wrapString = Method.Argument(arguments, 2) is { IsMissing: false, IsNone: false } own ? TextMethods.Require(own) : "\n";
        var breakHyphens = Method.Argument(arguments, 3) is not { IsMissing: false } hyphens || PyOps.IsTruthy(hyphens);
        context.SpendText(text.Length * 16L);
        var output = context.Output;
        var start = output.Length;
        var isFirst = true;
        foreach (var (at, length, _) in TextSplit.EnumerateLines(text.Text))
        {
            var lines = Wrap(Chunks(text.Text.Substring(at, length), breakHyphens), width, breakWords);
            for (var i = 0; i < Math.Max(1, lines.Count); i++)
            {
                if (!isFirst)
                {
                    output.Append(wrapString);
                }

                isFirst = false;
                if (i < lines.Count)
                {
                    output.Append(text, at + lines[i].Start, lines[i].Length);
                }
            }
        }

        return Value.Of(output.Cut(start, text.IsMarkup));
    }

    /// <summary>Words, runs of blanks, and the parts of hyphenated words.</summary>
    private static List<(int Start, int Length, bool IsSpace)> Chunks(string line, bool breakHyphens)
    {
        var chunks = new List<(int, int, bool)>();
        for (var at = 0; at < line.Length;)
        {
            var start = at;
            var isSpace = IsBlank(line[at]);
            while (at < line.Length && IsBlank(line[at]) == isSpace)
            {
                at++;
                if (!isSpace && breakHyphens && at < line.Length && at - start >= 3 && line[at - 1] == '-'
                    && char.IsLetter(line[at - 2]) && char.IsLetter(line[at - 3]) && char.IsLetter(line[at]) && at + 1 < line.Length
                        && char.IsLetter(line[at + 1]))
                {
                    break;
                }
            }

            chunks.Add((start, at - start, isSpace));
        }

        return chunks;
    }

    private static List<(int Start, int Length)> Wrap(List<(int Start, int Length, bool IsSpace)> chunks, int width, bool breakWords)
    {
        var lines = new List<(int Start, int Length)>();
        var next = 0;
        while (next < chunks.Count)
        {
            if (chunks[next].IsSpace && lines.Count > 0)
            {
                next++;
                continue;
            }

            var (start, used, end) = (chunks[next].Start, 0, next);
            while (end < chunks.Count && used + chunks[end].Length <= width)
            {
                used += chunks[end++].Length;
            }

            if (end < chunks.Count && chunks[end].Length > width)
            {
                var room = Math.Max(1, width - used);
                if (breakWords || used == 0)
                {
                    var taken = breakWords ? room : chunks[end].Length;
                    var (at, length, isSpace) = chunks[end];
                    used += taken;
                    if (taken < length)
                    {
                        chunks[end] = (at + taken, length - taken, isSpace);
                    }
                    else
                    {
                        end++;
                    }
                }
            }

            next = end;
            var last = end - 1;
            if (last >= 0 && last < chunks.Count && chunks[last].IsSpace && chunks[last].Start >= start
                && chunks[last].Start + chunks[last].Length == start + used)
            {
                used -= chunks[last].Length;
            }

            if (used > 0)
            {
                lines.Add((start, used));
            }
        }

        return lines;
    }

    private static bool IsBlank(char unit) => unit is ' ' or '\t' or '\n' or '\v' or '\f' or '\r';
}
