using System.Runtime.CompilerServices;

namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>
/// A Python string: its text, the code units that came from message content, and whether it is Markup (safe HTML, which escapes the strings it is
/// joined with).
/// </summary>
internal readonly struct Str(string text, Mark[]? marks = null, bool isMarkup = false)
{
    private static readonly string[] Ascii = [.. Enumerable.Range(0, 128).Select(unit => ((char)unit).ToString())];

    public string Text { get; } = text;

    public Mark[]? Marks { get; } = marks;

    public bool IsMarkup { get; } = isMarkup;

    public int Length => Text.Length;

    public Str AsMarkup(bool isMarkup = true) => new(Text, Marks, isMarkup);

    /// <summary>Gets a slice of UTF-16 code units, with its marks and Markup.</summary>
    public Str Slice(int start, int length) =>
        start == 0 && length == Text.Length ? this
        : length == 0 ? new("", null, IsMarkup)
        : new(Piece(start, length), Values.Marks.Slice(Marks, start, length), IsMarkup);

    /// <summary>Replaces the text with a mapped one: the marks are kept, or cover the whole text if its length has changed.</summary>
    public Str Derive(string text) =>
        new(text, Marks is null || text.Length == 0 ? null : text.Length == Length ? Marks : Values.Marks.All, IsMarkup);

    // Avoids allocations for templates that iterate over the characters of a text.
    private string Piece(int start, int length) => length == 1 && char.IsAscii(Text[start]) ? Ascii[Text[start]] : Text.Substring(start, length);

    public static implicit operator Str(string text) => new(text);
}

/// <summary>
/// A string with partial marks, referenced by a <see cref="Value"/>; strings that are marked completely or not at all do not need it.
/// </summary>
internal sealed class PyText(Str text) : PyObject
{
    public Str Text { get; } = text;

    public override ValueKind Kind => ValueKind.String;

    public override string TypeName => Text.IsMarkup ? "Markup" : "str";
}

/// <summary>A range of UTF-16 code units that came from message content.</summary>
internal readonly record struct Mark(int Start, int End);

/// <summary>
/// The code units of a text that came from message content: null for none, <see cref="All"/> for all, otherwise the ranges in order, neither touching
/// nor overlapping. The two common cases need no allocation.
/// </summary>
internal static class Marks
{
    public static readonly Mark[] All = [];

    /// <summary>Gets the marks of the slice [start, start + length).</summary>
    public static Mark[]? Slice(Mark[]? marks, int start, int length)
    {
        if (marks is null || ReferenceEquals(marks, All))
        {
            return marks;
        }

        var end = start + length;
        var first = FirstBehind(marks, start);
        var last = first;
        while (last < marks.Length && marks[last].Start < end)
        {
            last++;
        }

        if (first == last)
        {
            return null;
        }

        if (marks[first].Start <= start && marks[first].End >= end)
        {
            return All;
        }

        var slice = new Mark[last - first];
        for (var i = first; i < last; i++)
        {
            slice[i - first] = new Mark(Math.Max(marks[i].Start, start) - start, Math.Min(marks[i].End, end) - start);
        }

        return slice;
    }

    /// <summary>Whether the code unit at <paramref name="index"/> is marked.</summary>
    public static bool Contains(Mark[]? marks, int index)
    {
        if (marks is null || ReferenceEquals(marks, All))
        {
            return marks is not null;
        }

        var at = FirstBehind(marks, index);
        return at < marks.Length && index >= marks[at].Start;
    }

    /// <summary>
    /// Finds the first mark that ends after a code unit, by binary search, because a text is often split into as many pieces as it has marks.
    /// </summary>
    public static int FirstBehind(Mark[] marks, int unit)
    {
        var (low, high) = (0, marks.Length);
        while (low < high)
        {
            var middle = (low + high) >> 1;
            (low, high) = marks[middle].End <= unit ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsAll(Mark[]? marks) => ReferenceEquals(marks, All);
}

/// <summary>MarkupSafe's <c>escape</c>.</summary>
internal static class HtmlEscape
{
    /// <summary>Writes the text with the five HTML characters escaped</summary>
    private static void Write(RenderContext context, Str text, TextBuilder output)
    {
        var plain = 0;
        var source = text.Text;
        for (var i = 0; i < source.Length; i++)
        {
            var entity = source[i] switch
            {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '\'' => "&#39;",
                '"' => "&#34;",
                _ => null,
            };
            if (entity is not null)
            {
                context.Spend(1);
                output.Append(text, plain, i - plain);
                output.Append(entity, Marks.Contains(text.Marks, i));
                plain = i + 1;
            }
        }

        output.Append(text, plain, source.Length - plain);
    }

    public static Str Escape(RenderContext context, Str text)
    {
        if (text.IsMarkup || text.Text.AsSpan().IndexOfAny("&<>'\"") < 0)
        {
            return text.AsMarkup();
        }

        context.SpendText(text.Length);
        var start = context.Output.Length;
        Write(context, text, context.Output);
        return context.Output.Cut(start, isMarkup: true);
    }

    /// <summary><c>escape(value)</c> of any value.</summary>
    public static Str Escape(RenderContext context, Value value) => Escape(context, PyPrint.ToSoftStr(context, value));
}
