using System.Buffers;
using System.Text;

namespace Connectors.Vllm.Tokenizers.AddedTokens;

/// <summary>
/// The parts of a text in which control tokens are not recognized, as sorted byte ranges, and the tokens that are allowed there anyway. Reused
/// between calls; not thread-safe.
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

    /// <summary>Resets to the allowed tokens of another instance, whose ranges are mapped to another text.</summary>
    public void ResetFrom(OrdinaryText other)
    {
        _tokens = other._tokens;
        _ranges.Clear();
        _allowed.Clear();
        _allowed.UnionWith(other._allowed);
    }

    /// <summary>Whether a token must not be recognized in a byte range, because the range overlaps an ordinary part.</summary>
    /// <param name="token">The index of the token in the set.</param>
    /// <param name="start">The first byte of the match.</param>
    /// <param name="end">The byte after the match.</param>
    public bool Blocks(int token, int start, int end) =>
        _tokens!.List[token].Id is var id && _tokens.IsControl(id) && !_allowed.Contains(id) && Overlaps(start, end);

    /// <summary>Whether ordinary text may become this control token.</summary>
    public bool Allows(int id) => _allowed.Contains(id);

    /// <summary>Whether a byte range overlaps an ordinary part.</summary>
    public bool Overlaps(int start, int end) => IndexOfEndBehind(start) is var index && index < _ranges.Count && _ranges[index].Start < end;

    /// <summary>Gets the index of the first range that ends after a position; the number of ranges if none does.</summary>
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
/// Distinguishes added tokens that are ordinary text from control tokens that are not marked as special in the file (markers for tools, thinking,
/// images, fill-in-the-middle, reserved ones). Ordinary tokens are white space, symbols and emoji without letters, single letters, and HTML tags if
/// the model uses them for tables (Gemma 3).
/// </summary>
internal static class OrdinaryTokens
{
    /// <summary>HTML elements that are not control tokens of any known model, which excludes &lt;s&gt; and &lt;img&gt;.</summary>
    private static readonly HashSet<string> Elements = new(StringComparer.Ordinal)
    {
        "a", "b", "blockquote", "body", "caption", "code", "div", "em", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "html", "i", "iframe", "li",
        "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul",
    };

    /// <summary>Gets the ids of the tokens that are ordinary text.</summary>
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
        // A single letter cannot be split further, and is not a control token of any model.
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
