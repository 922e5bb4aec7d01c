using System.Buffers;
using System.Text;

namespace Connectors.Vllm.Tokenizers.AddedTokens;

/// <summary>
/// Tells added tokens that are ordinary text to their model from control tokens that a file forgot to flag as special (markers for tools,
/// thinking, images, fill-in-the-middle, reserved ones). Ordinary are runs of white space, signs and emoji without any letter, single letters, and
/// the tags of HTML where a model has learnt tables from them (Gemma 3).
/// </summary>
internal static class OrdinaryTokens
{
    /// <summary>Elements that are no control token of any known model: &lt;s&gt; and &lt;img&gt; are.</summary>
    private static readonly HashSet<string> Elements = new(StringComparer.Ordinal)
    {
        "a", "b", "blockquote", "body", "caption", "code", "div", "em", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "html", "i", "iframe", "li",
        "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul",
    };

    /// <summary>The ids of the tokens that are ordinary text.</summary>
    public static HashSet<int> Of(IReadOnlyList<AddedToken> tokens)
    {
        var plain = tokens.Where(token => !token.IsSpecial).ToList();
        var hasTables = plain.Exists(token => token.Content == "<table>") && plain.Exists(token => token.Content == "</table>");
        return [.. plain.Where(token => IsSigns(token.Content) || (hasTables && IsElement(token.Content))).Select(token => token.Id)];
    }

    private static bool IsElement(string content) =>
        content.StartsWith('<') && content.EndsWith('>') && Elements.Contains(content.Trim('<', '>').TrimStart('/'));

    private static bool IsSigns(string content)
    {
        // A single letter has no finer form, and no model is controlled by one.
        if (Rune.DecodeFromUtf16(content, out var only, out var length) == OperationStatus.Done && length == content.Length
            && Rune.IsLetterOrDigit(only))
        {
            return true;
        }

        foreach (var rune in content.EnumerateRunes())
        {
            if (Rune.IsLetterOrDigit(rune) || rune.Value is '<' or '>' or '[' or ']' or '{' or '}' or '|' or 0xFF5C)
            {
                return false;
            }
        }

        return true;
    }
}
