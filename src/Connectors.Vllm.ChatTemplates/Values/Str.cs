using System.Runtime.CompilerServices;

namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>
/// A Python string: its text, which of its units came from message content, and whether it is Markup (safe HTML, which escapes what
/// it is joined with).
/// </summary>
internal readonly struct Str(string text, Mark[]? marks = null, bool isMarkup = false)
{
    private static readonly string[] Ascii = [.. Enumerable.Range(0, 128).Select(unit => ((char)unit).ToString())];

    public string Text { get; } = text;

    public Mark[]? Marks { get; } = marks;

    public bool IsMarkup { get; } = isMarkup;

    public int Length => Text.Length;

    public Str AsMarkup(bool isMarkup = true) => new(Text, Marks, isMarkup);

    /// <summary>The slice of UTF-16 units; keeps marks and Markup.</summary>
    public Str Slice(int start, int length) =>
        start == 0 && length == Text.Length ? this
        : length == 0 ? new("", null, IsMarkup)
        : new(Piece(start, length), Values.Marks.Slice(Marks, start, length), IsMarkup);

    /// <summary>This text with every character mapped: the marks stay where they are, or cover all of it when the length has changed.</summary>
    public Str Derive(string text) =>
        new(text, Marks is null || text.Length == 0 ? null : text.Length == Length ? Marks : Values.Marks.All, IsMarkup);

    // Some templates walk through texts character by character.
    private string Piece(int start, int length) => length == 1 && char.IsAscii(Text[start]) ? Ascii[Text[start]] : Text.Substring(start, length);

    public static implicit operator Str(string text) => new(text);
}

/// <summary>
/// A string of which only parts are marked, behind a <see cref="Value"/>; strings that are wholly marked or not at all need no such object.
/// </summary>
internal sealed class PyText(Str text) : PyObject
{
    public Str Text { get; } = text;

    public override ValueKind Kind => ValueKind.String;

    public override string TypeName => Text.IsMarkup ? "Markup" : "str";
}

/// <summary>A run of UTF-16 units of a text that came from message content.</summary>
internal readonly record struct Mark(int Start, int End);

/// <summary>
/// Which units of a text came from message content: null is none, <see cref="All"/> is all of it, anything else lists the runs in
/// order, neither touching nor overlapping. The two common cases cost nothing.
/// </summary>
internal static class Marks
{
    public static readonly Mark[] All = [];

    /// <summary>The marks of the slice [start, start + length).</summary>
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

    /// <summary>Whether the unit at <paramref name="index"/> is marked.</summary>
    public static bool Contains(Mark[]? marks, int index)
    {
        if (marks is null || ReferenceEquals(marks, All))
        {
            return marks is not null;
        }

        var at = FirstBehind(marks, index);
        return at < marks.Length && index >= marks[at].Start;
    }

    /// <summary>The first mark that ends after a unit: found by halving, because a text is often cut into as many pieces as it has marks.</summary>
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
