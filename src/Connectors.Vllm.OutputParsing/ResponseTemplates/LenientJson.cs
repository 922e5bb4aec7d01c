using System.Text;
using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.OutputParsing.ResponseTemplates;

/// <summary>JSON with keys without quotes and strings between other delimiters, made into JSON.</summary>
internal static class LenientJson
{
    /// <summary>JSON text; still to be parsed, for it may be none.</summary>
    public static string ToJson(ReadOnlySpan<char> text, IReadOnlyList<(string Open, string Close)> delimiters)
    {
        var json = new StringBuilder(text.Length + 16);
        for (var i = 0; i < text.Length;)
        {
            if (TakeString(text, ref i, delimiters, json))
            {
                continue;
            }

            var c = text[i];
            if (char.IsLetter(c) || c is '_' or '$')
            {
                var start = i;
                while (i < text.Length && (char.IsLetterOrDigit(text[i]) || text[i] is '_' or '-' or '$' or '.'))
                {
                    i++;
                }

                var word = text[start..i];
                var isKey = text[i..].TrimStart() is [':', ..];
                if (!isKey && word is "true" or "false" or "null")
                {
                    json.Append(word);
                }
                else
                {
                    JsonText.AppendString(json, word);
                }

                continue;
            }

            json.Append(c);
            i++;
        }

        return json.ToString();
    }

    private static bool TakeString(ReadOnlySpan<char> text, ref int i, IReadOnlyList<(string Open, string Close)> delimiters, StringBuilder json)
    {
        foreach (var (open, close) in delimiters)
        {
            if (open.Length > 0 && text[i..].StartsWith(open, StringComparison.Ordinal))
            {
                var start = i + open.Length;
                var length = text[start..].IndexOf(close, StringComparison.Ordinal);
                if (length >= 0)
                {
                    JsonText.AppendString(json, text.Slice(start, length));
                    i = start + length + close.Length;
                    return true;
                }
            }
        }

        if (text[i] != '"')
        {
            return false;
        }

        var end = i + 1;
        while (end < text.Length && text[end] != '"')
        {
            end += text[end] == '\\' ? 2 : 1;
        }

        end = Math.Min(end + 1, text.Length);
        json.Append(text[i..end]);
        i = end;
        return true;
    }
}
