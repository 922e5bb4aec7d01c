using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Methods;

/// <summary>Searching in strings; positions are code points.</summary>
internal static class TextSearch
{
    /// <summary>startswith and endswith: one affix or a tuple of them, within optional bounds.</summary>
    public static Value HasAffix(RenderContext context, Str text, Value[] arguments, bool atEnd)
    {
        var (start, end, valid) = Bounds(context, text, arguments);
        var within = valid ? text.Text.AsSpan(start, end - start) : default;
        if (arguments[0].Object is PySequence { IsTuple: true } affixes)
        {
            foreach (var affix in affixes.Items)
            {
                if (Has(within, Affix(context, text, affix), atEnd, valid))
                {
                    return Value.True;
                }
            }

            return Value.False;
        }

        return Value.Of(Has(within, Affix(context, text, arguments[0]), atEnd, valid));
    }

    /// <summary>The first or last occurrence, or -1.</summary>
    public static int Find(RenderContext context, Str text, Value[] arguments, bool last)
    {
        var sought = TextMethods.Text(context, text.AsMarkup(false), arguments[0]).Text;
        var (start, end, valid) = Bounds(context, text, arguments);
        if (!valid)
        {
            return -1;
        }

        context.Spend((end - start) >> 5);
        var within = text.Text.AsSpan(start, end - start);
        var at = last ? LastIndexOf(within, sought) : within.IndexOf(sought, StringComparison.Ordinal);
        return at < 0 ? -1 : Characters.Count(text.Text.AsSpan(0, start + at));
    }

    /// <summary>Counts the occurrences of a text without overlap.</summary>
    public static int Count(RenderContext context, Str text, Value[] arguments)
    {
        var sought = TextMethods.Text(context, text.AsMarkup(false), arguments[0]).Text;
        var (start, end, valid) = Bounds(context, text, arguments);
        if (!valid)
        {
            return 0;
        }

        context.Spend((end - start) >> 5);
        var within = text.Text.AsSpan(start, end - start);
        if (sought.Length == 0)
        {
            return Characters.Count(within) + 1;
        }

        var count = 0;
        for (var at = within.IndexOf(sought, StringComparison.Ordinal); at >= 0; at = within.IndexOf(sought, StringComparison.Ordinal))
        {
            count++;
            within = within[(at + sought.Length)..];
        }

        return count;
    }

    public static int LastIndexOf(ReadOnlySpan<char> text, ReadOnlySpan<char> sought) =>
        sought.Length == 0 ? text.Length : text.LastIndexOf(sought, StringComparison.Ordinal);

    private static string Affix(RenderContext context, Str text, Value affix) => TextMethods.Text(context, text.AsMarkup(false), affix).Text;

    private static bool Has(ReadOnlySpan<char> text, string affix, bool atEnd, bool valid) =>
        valid && (atEnd ? text.EndsWith(affix, StringComparison.Ordinal) : text.StartsWith(affix, StringComparison.Ordinal));

    private static (int Start, int End, bool Valid) Bounds(RenderContext context, Str text, Value[] arguments)
    {
        var (start, stop) = (Method.Argument(arguments, 1), Method.Argument(arguments, 2));
        if (start.IsMissing && stop.IsMissing)
        {
            return (0, text.Length, true);
        }

        context.Spend(text.Length >> 6);
        var length = Characters.Count(text.Text);
        var beyond = !start.IsMissing && !start.IsNone && PyNumber.ToIndex(start) > length;
        var (first, last, _) = PyStrings.SliceBounds(start, stop, default, length);
        return first > last || beyond
            ? (0, 0, false)
            : (Characters.OffsetOf(text.Text, first), Characters.OffsetOf(text.Text, last), true);
    }
}

/// <summary>Splitting strings into lists.</summary>
internal static class TextSplit
{
    public static Value Split(RenderContext context, Str text, Value[] arguments, bool fromRight)
    {
        var separator = Method.Argument(arguments, 0);
        var limit = Method.Argument(arguments, 1) is { IsMissing: false } given ? PyNumber.ToIndex(given, "maxsplit") : -1;
        limit = limit < 0 ? int.MaxValue : limit;
        context.SpendText(text.Length);
        var parts = separator.IsMissing || separator.IsNone
            ? (fromRight ? WordsFromRight(context, text, limit) : Words(context, text, limit))
            : OnSeparator(context, text, TextMethods.Text(context, text.AsMarkup(false), separator).Text, limit, fromRight);
        return PySequence.List([.. parts]);
    }

    public static Value Lines(RenderContext context, Str text, bool keepEnds)
    {
        var lines = new List<Value>();
        foreach (var (start, length, ending) in EnumerateLines(text.Text))
        {
            context.Spend(6);
            lines.Add(Value.Of(text.Slice(start, keepEnds ? length + ending : length)));
        }

        return PySequence.List([.. lines]);
    }

    /// <summary>Enumerates the lines as Python splits them: start, length, and length of the line break.</summary>
    public static IEnumerable<(int Start, int Length, int Ending)> EnumerateLines(string text)
    {
        for (var start = 0; start < text.Length;)
        {
            var length = Characters.IndexOfLineEnd(text.AsSpan(start));
            if (length < 0)
            {
                yield return (start, text.Length - start, 0);
                yield break;
            }

            var ending = text[start + length] == '\r' && start + length + 1 < text.Length && text[start + length + 1] == '\n' ? 2 : 1;
            yield return (start, length, ending);
            start += length + ending;
        }
    }

    public static Value Partition(RenderContext context, Str text, Value argument, bool fromRight)
    {
        var separator = TextMethods.Text(context, text, argument);
        if (separator.Length == 0)
        {
            throw new PyException("empty separator");
        }

        context.SpendText(text.Length);
        var at = fromRight ? TextSearch.LastIndexOf(text.Text, separator.Text) : text.Text.IndexOf(separator.Text, StringComparison.Ordinal);
        var empty = Value.Of(new Str("", null, text.IsMarkup));
        return at < 0
            ? fromRight ? PySequence.Tuple(empty, empty, Value.Of(text)) : PySequence.Tuple(Value.Of(text), empty, empty)
            : PySequence.Tuple(
                Value.Of(text.Slice(0, at)),
                Value.Of(text.Slice(at, separator.Length)),
                Value.Of(text.Slice(at + separator.Length, text.Length - at - separator.Length)));
    }

    private static List<Value> OnSeparator(RenderContext context, Str text, string separator, int limit, bool fromRight)
    {
        if (separator.Length == 0)
        {
            throw new PyException("empty separator");
        }

        var parts = new List<Value>();
        var (start, end) = (0, text.Length);
        while (parts.Count < limit)
        {
            context.Spend(6);
            var within = text.Text.AsSpan(start, end - start);
            var at = fromRight ? within.LastIndexOf(separator, StringComparison.Ordinal) : within.IndexOf(separator, StringComparison.Ordinal);
            if (at < 0)
            {
                break;
            }

            if (fromRight)
            {
                parts.Add(Value.Of(text.Slice(at + separator.Length, end - at - separator.Length)));
                end = at;
            }
            else
            {
                parts.Add(Value.Of(text.Slice(start, at)));
                start += at + separator.Length;
            }
        }

        parts.Add(Value.Of(text.Slice(start, end - start)));
        if (fromRight)
        {
            parts.Reverse();
        }

        return parts;
    }

    private static List<Value> Words(RenderContext context, Str text, int limit)
    {
        var words = new List<Value>();
        var at = SkipSpaces(text.Text, 0);
        while (at < text.Length)
        {
            context.Spend(6);
            if (words.Count == limit)
            {
                words.Add(Value.Of(text.Slice(at, text.Length - at)));
                break;
            }

            var end = at;
            while (end < text.Length && !Characters.IsSpace(text.Text[end]))
            {
                end++;
            }

            words.Add(Value.Of(text.Slice(at, end - at)));
            at = SkipSpaces(text.Text, end);
        }

        return words;
    }

    private static List<Value> WordsFromRight(RenderContext context, Str text, int limit)
    {
        var words = new List<Value>();
        var end = Characters.Trim(text.Text, null, left: false, right: true).End;
        while (end > 0)
        {
            context.Spend(6);
            if (words.Count == limit)
            {
                words.Add(Value.Of(text.Slice(0, end)));
                break;
            }

            var start = end;
            while (start > 0 && !Characters.IsSpace(text.Text[start - 1]))
            {
                start--;
            }

            words.Add(Value.Of(text.Slice(start, end - start)));
            end = start;
            while (end > 0 && Characters.IsSpace(text.Text[end - 1]))
            {
                end--;
            }
        }

        words.Reverse();
        return words;
    }

    private static int SkipSpaces(string text, int at)
    {
        while (at < text.Length && Characters.IsSpace(text[at]))
        {
            at++;
        }

        return at;
    }
}
