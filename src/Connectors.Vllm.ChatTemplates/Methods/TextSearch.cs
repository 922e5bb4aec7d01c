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

    /// <summary>How often a text occurs without overlap.</summary>
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
