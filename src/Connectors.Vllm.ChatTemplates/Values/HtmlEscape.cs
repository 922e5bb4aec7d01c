namespace Connectors.Vllm.ChatTemplates.Values;

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
