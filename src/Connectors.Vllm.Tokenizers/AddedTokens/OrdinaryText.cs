using System.Buffers;
using System.Text;

namespace Connectors.Vllm.Tokenizers.AddedTokens;

/// <summary>
/// The parts of a text in which control tokens are not recognized, as sorted byte ranges, and which tokens are allowed there all the same.
/// Reused between calls, not thread-safe.
/// </summary>
internal sealed class OrdinaryText
{
    private readonly List<(int Start, int End)> _ranges = [];
    private readonly HashSet<int> _allowed = [];
    private AddedTokenSet? _tokens;

    public List<(int Start, int End)> Ranges => _ranges;

    public void Reset(AddedTokenSet tokens, ReadOnlySpan<int> allowed)
    {
        _tokens = tokens;
        _ranges.Clear();
        _allowed.Clear();
        foreach (var id in allowed)
        {
            _allowed.Add(id);
        }
    }

    /// <summary>The same tokens, with the ranges moved into another text.</summary>
    public void ResetFrom(OrdinaryText other)
    {
        _tokens = other._tokens;
        _ranges.Clear();
        _allowed.Clear();
        _allowed.UnionWith(other._allowed);
    }

    /// <summary>Whether the token may not be recognized at bytes start to end: it touches an ordinary part.</summary>
    /// <param name="token">Index of the token in the set.</param>
    /// <param name="start">First byte of the match.</param>
    /// <param name="end">Byte after the match.</param>
    public bool Blocks(int token, int start, int end) =>
        _tokens!.List[token].Id is var id && _tokens.IsControl(id) && !_allowed.Contains(id) && Overlaps(start, end);

    /// <summary>Whether the token may come out of ordinary text although it is a control token.</summary>
    public bool Allows(int id) => _allowed.Contains(id);

    /// <summary>Whether bytes start to end touch an ordinary part.</summary>
    public bool Overlaps(int start, int end) => IndexOfEndBehind(start) is var index && index < _ranges.Count && _ranges[index].Start < end;

    /// <summary>The index of the first range that ends after a place; the number of ranges when none does.</summary>
    public int IndexOfEndBehind(int place)
    {
        int low = 0, high = _ranges.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_ranges[middle].End > place)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return low;
    }
}

/// <summary>
/// Tells added tokens that are ordinary text to their model from control tokens that a file forgot to flag as special (markers for tools,
/// thinking, images, fill-in-the-middle, reserved ones). Ordinary are runs of white space, signs and emoji without any letter, single letters, and
/// the tags of HTML where a model has learnt tables from them (Gemma 3).
/// </summary>
internal static class OrdinaryTokens
{
    /// <summary>Elements that are not control tokens of any known model: &lt;s&gt; and &lt;img&gt; are.</summary>
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
