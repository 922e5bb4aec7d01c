using System.Text;
using Connectors.Vllm.ChatTemplates.Methods;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Filters;

/// <summary>Filters on text; each converts its operand to a string first.</summary>
internal static class TextFilters
{
    public static Method[] All { get; } =
    [
        Simple("upper", PyStrings.Upper),
        Simple("lower", PyStrings.Lower),
        Simple("capitalize", PyStrings.Capitalize),
        Simple("title", Title),
        Simple("string", text => text),
        new("trim", "chars?", Trim),
        new("replace", "old new count?", Replace),
        new("center", "width?", (context, value, arguments) =>
            Value.Of(TextShape.Pad(context, Soft(context, value), arguments.Length > 0 ? PyNumber.ToIndex(arguments[0]) : 80, " ", 0))),
        new("indent", "width? first? blank?", Indent),
        new("truncate", "length? killwords? end? leeway?", Truncate),
        new("wordwrap", "width? break_long_words? wrapstring? break_on_hyphens?", WordWrap.Apply),
        new("wordcount", "", (context, value, _) => Value.Of(CountWords(context, Soft(context, value).Text))),
        new("format", Format),
        new("join", "d? attribute?", Join),
        new("urlencode", "", UrlText.Apply),
    ];

    private static Str Soft(RenderContext context, Value value)
    {
        var text = PyPrint.ToSoftStr(context, value);
        context.SpendText(text.Length);
        return text;
    }

    private static Method Simple(string name, Func<Str, Str> map) => new(name, "", (context, value, _) =>
    {
        var text = Soft(context, value);
        context.SpendCasing(text.Text);
        return Value.Of(map(text));
    });

    private static Value Trim(RenderContext context, Value value, Value[] arguments)
    {
        var text = Soft(context, value);
        var characters = Method.Argument(arguments, 0);
        context.SpendTrim(text.Length, characters);
        return Value.Of(PyStrings.Trim(text, characters.IsMissing || characters.IsNone ? null : TextMethods.Text(context, text, characters).Text));
    }

    private static Value Replace(RenderContext context, Value value, Value[] arguments)
    {
        var count = Method.Argument(arguments, 2);
        return Value.Of(TextShape.Replace(
            context,
            PyPrint.ToStr(context, value),
            PyPrint.ToStr(context, arguments[0]),
            PyPrint.ToStr(context, arguments[1]),
            count.IsMissing || count.IsNone ? -1 : PyNumber.ToIndex(count, "count")));
    }

    // The title filter of jinja2: words begin only after white space and opening brackets, so that "it's" becomes "It's".
    private static Str Title(Str text)
    {
        var atStart = true;
        return PyStrings.Map(text, rune =>
        {
            var isSeparator = rune.Value is '-' or '(' or '{' or '[' or '<' || (rune.IsBmp && Characters.IsSpace((char)rune.Value));
            var mapped = atStart ? Case.ToUpper(rune.ToString()) : Case.ToLower(rune.ToString());
            atStart = isSeparator;
            return mapped;
        });
    }

    private static Value Join(RenderContext context, Value value, Value[] arguments)
    {
        var separator = Method.Argument(arguments, 0) is { IsMissing: false } given ? PyPrint.ToStr(context, given) : "";
        var attribute = Method.Argument(arguments, 1);
        var path = attribute.IsMissing || attribute.IsNone ? null : AttributePath.Of(attribute);
        var items = PyOps.Iterate(value);
        var texts = new List<Str>();
        while (items.Next(out var item))
        {
            context.Spend(1);
            texts.Add(PyPrint.ToStr(context, path is null ? item : path.Get(context, item)));
        }

        var start = context.Output.Length;
        for (var i = 0; i < texts.Count; i++)
        {
            if (i > 0)
            {
                context.Output.Append(separator);
            }

            context.Spend(texts[i].Length >> 6);
            context.Output.Append(texts[i]);
        }

        return Value.Of(context.Output.Cut(start));
    }

    private static Value Indent(RenderContext context, Value value, Value[] arguments)
    {
        if (!value.TryGetStr(out var text))
        {
            PyOps.ThrowIfUndefined(value);
            throw new PyException($"indent needs a string, not {PyOps.TypeName(value)}");
        }

        var width = Method.Argument(arguments, 0);
        var indention = width.IsMissing ? new Str("    ")
            : width.TryGetStr(out var own) ? own
            : new Str(new string(' ', Math.Clamp(PyNumber.ToIndex(width), 0, 100_000)));
        indention = text.IsMarkup ? HtmlEscape.Escape(context, indention) : indention;
        var (first, blank) = (PyOps.IsTruthy(Method.Argument(arguments, 1)), PyOps.IsTruthy(Method.Argument(arguments, 2)));
        var output = context.Output;
        var start = output.Length;
        var number = 0;

        // The reference adds a newline before it splits, so that a text that ends in one keeps an empty last line.
        var lines = TextSplit.EnumerateLines(text.Text);
        lines = text.Length == 0 || Characters.IndexOfLineEnd(text.Text.AsSpan(text.Length - 1)) == 0 ? lines.Append((text.Length, 0, 0)) : lines;
        foreach (var (at, length, _) in lines)
        {
            context.Spend(1 + (indention.Length >> 6));
            if (number > 0)
            {
                output.Append('\n');
            }

            if (number > 0 ? blank || length > 0 : first)
            {
                output.Append(indention);
            }

            output.Append(text, at, length);
            number++;
        }

        return Value.Of(output.Cut(start, text.IsMarkup));
    }

    private static Value Truncate(RenderContext context, Value value, Value[] arguments)
    {
        var length = Method.Argument(arguments, 0) is { IsMissing: false } given ? PyNumber.ToIndex(given) : 255;
        var end = Method.Argument(arguments, 2) is { IsMissing: false } ending ? TextMethods.Require(ending) : "...";
        var leeway = Method.Argument(arguments, 3) is { IsMissing: false, IsNone: false } tolerance ? PyNumber.ToIndex(tolerance) : 5;
        var endLength = Characters.Count(end.Text);
        if (length < endLength || leeway < 0)
        {
            throw new PyException($"expected length >= {endLength} and leeway >= 0");
        }

        if (PyOps.Length(context, value) <= length + leeway)
        {
            return value;
        }

        if (!value.TryGetStr(out var text))
        {
            throw new PyException($"truncate needs a string, not {PyOps.TypeName(value)}");
        }

        var cut = text.Slice(0, Characters.OffsetOf(text.Text, length - endLength));
        if (!PyOps.IsTruthy(Method.Argument(arguments, 1)))
        {
            var blank = cut.Text.LastIndexOf(' ');
            cut = blank < 0 ? cut : cut.Slice(0, blank);
        }

        return PyStrings.Add(context, cut, end);
    }

    private static int CountWords(RenderContext context, string text)
    {
        context.SpendText(text.Length);
        var (count, inWord) = (0, false);
        foreach (var rune in text.EnumerateRunes())
        {
            var isWord = Rune.IsLetterOrDigit(rune) || Rune.IsNumber(rune) || rune.Value == '_';
            count += isWord && !inWord ? 1 : 0;
            inWord = isWord;
        }

        return count;
    }

    private static Value Format(RenderContext context, Value value, CallArguments arguments)
    {
        if (arguments.Positional.Length > 0 && arguments.Keywords.Length > 0)
        {
            throw new PyException("can't handle positional and keyword arguments at the same time");
        }

        if (arguments.Keywords.Length == 0)
        {
            return PercentFormat.Format(context, Soft(context, value), PySequence.Tuple(arguments.Positional));
        }

        var dict = new PyDict();
        foreach (var keyword in arguments.Keywords)
        {
            dict.Set(Value.Of(keyword.Name), keyword.Value);
        }

        return PercentFormat.Format(context, Soft(context, value), Value.Of(dict));
    }
}

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

    /// <summary>Gets words, runs of spaces, and the parts of hyphenated words.</summary>
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
