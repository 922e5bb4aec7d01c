using System.Text;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Methods;

/// <summary>Replacing, joining, padding and casing of strings.</summary>
internal static class TextShape
{
    public static Str Replace(RenderContext context, Str text, Str old, Str replacement, int count)
    {
        context.SpendText(text.Length);
        if (count == 0 || (old.Length > 0 && !text.Text.Contains(old.Text, StringComparison.Ordinal)))
        {
            return text;
        }

        var output = context.Output;
        var start = output.Length;
        var at = 0;
        for (var done = 0; count < 0 || done < count; done++)
        {
            context.Spend(1);
            if (old.Length == 0)
            {
                // An empty pattern matches between all characters and at both ends.
                output.Append(replacement);
                if (at == text.Length)
                {
                    break;
                }

                var units = Characters.UnitsAt(text.Text, at);
                output.Append(text, at, units);
                at += units;
                continue;
            }

            var next = text.Text.IndexOf(old.Text, at, StringComparison.Ordinal);
            if (next < 0)
            {
                break;
            }

            output.Append(text, at, next - at);
            output.Append(replacement);
            at = next + old.Length;
            context.Spend(replacement.Length >> 6);
        }

        output.Append(text, at, text.Length - at);
        return output.Cut(start, text.IsMarkup);
    }

    /// <summary><c>separator.join(iterable)</c>: every item must be a string; a Markup separator escapes the items.</summary>
    public static Value Join(RenderContext context, Str separator, Value iterable)
    {
        var items = PyOps.ToArray(context, iterable);
        var output = context.Output;
        var texts = new Str[items.Length];
        for (var i = 0; i < items.Length; i++)
        {
            texts[i] = separator.IsMarkup ? HtmlEscape.Escape(context, items[i])
                : items[i].TryGetStr(out var text) ? text
                : throw new PyException($"sequence item {i}: expected str instance, {PyOps.TypeName(items[i])} found");
        }

        var start = output.Length;
        for (var i = 0; i < texts.Length; i++)
        {
            context.Spend(1 + (texts[i].Length >> 6));
            if (i > 0)
            {
                output.Append(separator);
            }

            output.Append(texts[i]);
        }

        return Value.Of(output.Cut(start, separator.IsMarkup));
    }

    /// <summary>ljust (-1), center (0), rjust (1).</summary>
    public static Value Pad(RenderContext context, Str text, Value[] arguments, int side)
    {
        var fill = Method.Argument(arguments, 1) is { IsMissing: false } given ? TextMethods.Require(given) : " ";
        if (Characters.Count(fill.Text) != 1)
        {
            throw new PyException("The fill character must be exactly one character long");
        }

        return Value.Of(Pad(context, text, PyNumber.ToIndex(arguments[0]), fill, side));
    }

    public static Str Pad(RenderContext context, Str text, int width, Str fill, int side)
    {
        var missing = width - Characters.Count(text.Text);
        if (missing <= 0)
        {
            return text;
        }

        context.SpendText(text.Length + ((long)missing * fill.Length));
        var left = side < 0 ? 0 : side > 0 ? missing : (missing / 2) + (missing & width & 1);
        var output = context.Output;
        var start = output.Length;
        Repeat(output, fill, left);
        output.Append(text);
        Repeat(output, fill, missing - left);
        return output.Cut(start, text.IsMarkup);
    }

    public static Value ZeroFill(RenderContext context, Str text, int width)
    {
        var missing = width - Characters.Count(text.Text);
        if (missing <= 0)
        {
            return Value.Of(text);
        }

        context.SpendText((long)text.Length + missing);
        var sign = text.Text.StartsWith('-') || text.Text.StartsWith('+') ? 1 : 0;
        var output = context.Output;
        var start = output.Length;
        output.Append(text, 0, sign);
        output.Append('0', missing);
        output.Append(text, sign, text.Length - sign);
        return Value.Of(output.Cut(start, text.IsMarkup));
    }

    public static Value ExpandTabs(RenderContext context, Str text, int size)
    {
        var output = context.Output;
        var start = output.Length;
        var column = 0;
        for (var at = 0; at < text.Length;)
        {
            context.Spend(1);
            var units = Characters.UnitsAt(text.Text, at);
            if (text.Text[at] == '\t')
            {
                var blanks = size > 0 ? size - (column % size) : 0;
                context.SpendText(blanks);
                output.Append(' ', blanks);
                column += blanks;
            }
            else
            {
                output.Append(text, at, units);
                column = text.Text[at] is '\n' or '\r' ? 0 : column + 1;
            }

            at += units;
        }

        return Value.Of(output.Cut(start, text.IsMarkup));
    }

    /// <summary>str.title: every letter after a non-letter in title case, all others in lower case.</summary>
    public static Str Title(Str text)
    {
        var afterLetter = false;
        return PyStrings.Map(text, rune =>
        {
            var mapped = afterLetter ? Case.ToLower(rune.ToString()) : Case.ToTitle(rune.ToString());
            afterLetter = Case.IsCased(rune);
            return mapped;
        });
    }

    public static bool IsCase(string text, bool lower)
    {
        var cased = false;
        foreach (var rune in text.EnumerateRunes())
        {
            if (lower ? Rune.IsUpper(rune) : Rune.IsLower(rune))
            {
                return false;
            }

            cased |= lower ? Rune.IsLower(rune) : Rune.IsUpper(rune);
        }

        return cased;
    }

    public static bool IsTitle(string text)
    {
        var (cased, afterLetter) = (false, false);
        foreach (var rune in text.EnumerateRunes())
        {
            if (Rune.IsUpper(rune) ? afterLetter : Rune.IsLower(rune) && !afterLetter)
            {
                return false;
            }

            afterLetter = Case.IsCased(rune);
            cased |= afterLetter;
        }

        return cased;
    }

    private static void Repeat(TextBuilder output, Str fill, int count)
    {
        for (var i = 0; i < count; i++)
        {
            output.Append(fill);
        }
    }
}
