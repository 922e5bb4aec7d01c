using System.Text;

namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>String operations other than methods: joining, slicing, changing case, with marks and Markup.</summary>
internal static class PyStrings
{
    public static Value Add(RenderContext context, Str left, Str right)
    {
        if (left.IsMarkup || right.IsMarkup)
        {
            return Value.Of(Concat(context, HtmlEscape.Escape(context, left), HtmlEscape.Escape(context, right)).AsMarkup());
        }

        return Value.Of(Concat(context, left, right));
    }

    public static Str Concat(RenderContext context, Str left, Str right)
    {
        if (right.Length == 0)
        {
            return left;
        }

        if (left.Length == 0)
        {
            return right;
        }

        context.SpendCopy((long)left.Length + right.Length);
        if (left.Marks is null && right.Marks is null)
        {
            return new Str(string.Concat(left.Text, right.Text));
        }

        if (Marks.IsAll(left.Marks) && Marks.IsAll(right.Marks))
        {
            return new Str(string.Concat(left.Text, right.Text), Marks.All);
        }

        var start = context.Output.Length;
        context.Output.Append(left);
        context.Output.Append(right);
        return context.Output.Cut(start);
    }

    /// <summary>Gets a slice of code points with Python's rules for negative and missing bounds.</summary>
    public static Str Slice(RenderContext context, Str text, Value start, Value stop, Value step)
    {
        var hasSurrogates = Characters.HasSurrogates(text.Text);
        context.Spend(text.Length >> 6);
        var length = hasSurrogates ? Characters.Count(text.Text) : text.Length;
        var (first, last, stride) = SliceBounds(start, stop, step, length);
        if (stride == 1)
        {
            if (first >= last)
            {
                return new Str("", null, text.IsMarkup);
            }

            var from = hasSurrogates ? Characters.OffsetOf(text.Text, first) : first;
            var to = hasSurrogates ? Characters.OffsetOf(text.Text, last) : last;
            context.SpendCopy(to - from);
            return text.Slice(from, to - from);
        }

        context.Spend(text.Length);
        var offsets = hasSurrogates ? OffsetsOf(text.Text, length) : null;
        var output = context.Output;
        var at = output.Length;
        for (long i = first; stride > 0 ? i < last : i > last; i += stride)
        {
            var offset = offsets is null ? (int)i : offsets[i];
            output.Append(text, offset, offsets is null ? 1 : Characters.UnitsAt(text.Text, offset));
        }

        return output.Cut(at, text.IsMarkup);
    }

    /// <summary>Python's <c>slice.indices</c>.</summary>
    public static (int First, int Last, int Stride) SliceBounds(Value start, Value stop, Value step, int length)
    {
        var stride = step.IsMissing || step.IsNone ? 1 : PyNumber.ToIndex(step);
        if (stride == 0)
        {
            throw new PyException("slice step cannot be zero");
        }

        var (low, high) = stride > 0 ? (0, length) : (-1, length - 1);
        return (Bound(start, stride > 0 ? low : high), Bound(stop, stride > 0 ? high : low), stride);

        int Bound(Value bound, int otherwise)
        {
            if (bound.IsMissing || bound.IsNone)
            {
                return otherwise;
            }

            var index = (long)PyNumber.ToIndex(bound);
            return (int)Math.Clamp(index < 0 ? index + length : index, low, high);
        }
    }

    /// <summary>Gets the character at an index, or a missing value.</summary>
    public static Value CharacterAt(RenderContext context, Str text, long index)
    {
        // Usually every character before the index is one code unit; the rest of the text is then irrelevant.
        var before = (int)Math.Clamp(index + 1, 0, text.Length);
        context.Spend(before >> 6);
        if (before > 0 && !Characters.HasSurrogates(text.Text.AsSpan(0, before)))
        {
            return index < text.Length ? Value.Of(text.Slice((int)index, 1)) : default;
        }

        context.Spend(text.Length >> 5);
        var hasSurrogates = Characters.HasSurrogates(text.Text);
        var length = hasSurrogates ? Characters.Count(text.Text) : text.Length;
        index = index < 0 ? index + length : index;
        if (index < 0 || index >= length)
        {
            return default;
        }

        var offset = hasSurrogates ? Characters.OffsetOf(text.Text, (int)index) : (int)index;
        return Value.Of(text.Slice(offset, hasSurrogates ? Characters.UnitsAt(text.Text, offset) : 1));
    }

    public static Str Upper(Str text) => text.Derive(Case.ToUpper(text.Text));

    public static Str Lower(Str text) => text.Derive(Case.ToLower(text.Text));

    public static Str Capitalize(Str text)
    {
        if (text.Length == 0)
        {
            return text;
        }

        var units = Characters.UnitsAt(text.Text, 0);
        return text.Derive(Case.ToTitle(text.Text[..units]) + Case.ToLower(text.Text, units));
    }

    public static Str Trim(Str text, string? characters, bool left = true, bool right = true)
    {
        var (start, end) = Characters.Trim(text.Text, characters, left, right);
        return text.Slice(start, end - start);
    }

    /// <summary>Maps code points one by one; the marks are kept or cover the whole text.</summary>
    public static Str Map(Str text, Func<Rune, string> map)
    {
        var mapped = new StringBuilder(text.Length);
        foreach (var rune in text.Text.EnumerateRunes())
        {
            mapped.Append(map(rune));
        }

        return text.Derive(mapped.ToString());
    }

    private static int[] OffsetsOf(string text, int count)
    {
        var offsets = new int[count];
        for (int i = 0, at = 0; i < count; i++)
        {
            offsets[i] = at;
            at += Characters.UnitsAt(text, at);
        }

        return offsets;
    }
}
