using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Normalizers;
using Connectors.Vllm.Tokenizers.Scanners;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.AddedTokens;

/// <summary>The added tokens of a tokenizer, and the search for them in text. Immutable.</summary>
internal sealed class AddedTokenSet
{
    private readonly Dictionary<string, int> _indexOfContent = new(StringComparer.Ordinal);
    private readonly Dictionary<int, int> _indexOfId = [];
    private readonly HashSet<int> _special = [];
    private readonly bool[] _control;
    private readonly TokenTrie _raw;
    private readonly TokenTrie _normalized;

    /// <param name="tokens">The tokens with their final ids. A token with the same content replaces the flags of an earlier one.</param>
    /// <param name="normalizer">The normalizer of the tokens that are matched in normalized text.</param>
    public AddedTokenSet(IReadOnlyList<AddedToken> tokens, Normalizer? normalizer)
    {
        var list = new List<AddedToken>(tokens.Count);
        foreach (var token in tokens)
        {
            if (token.Content.Length == 0)
            {
                continue;
            }

            if (_indexOfContent.TryGetValue(token.Content, out var index))
            {
                list[index] = token;
            }
            else
            {
                _indexOfContent[token.Content] = list.Count;
                list.Add(token);
            }
        }

        List = list;
        var ordinary = OrdinaryTokens.Of(list);
        _control = new bool[list.Aggregate(0, static (limit, token) => Math.Max(limit, token.Id + 1))];
        foreach (var token in list)
        {
            _control[token.Id] = !ordinary.Contains(token.Id);
        }

        List<(byte[], int)> raw = [], normalized = [];
        var budget = new TextBudget(list.Sum(static token => (long)token.Content.Length));
        var buffer = new Utf8Buffer { Limit = budget.MaxOutputLength };
        for (var index = 0; index < list.Count; index++)
        {
            var token = list[index];
            _indexOfId[token.Id] = index;
            if (token.IsSpecial)
            {
                _special.Add(token.Id);
            }

            var content = Encoding.UTF8.GetBytes(token.Content);
            if (!token.Normalized)
            {
                raw.Add((content, index));
                continue;
            }

            buffer.Clear();
            var form = normalizer is not null && normalizer.TryNormalize(content, buffer, budget) ? buffer.Written.ToArray() : content;
            budget.SpendBytes(form.Length);
            if (form.Length > 0)
            {
                normalized.Add((form, index));
            }
        }

        _raw = new TokenTrie(raw);
        _normalized = new TokenTrie(normalized);
    }

    public IReadOnlyList<AddedToken> List { get; }

    /// <summary>Whether some tokens are matched in the normalized text.</summary>
    public bool HasNormalized => !_normalized.IsEmpty;

    public bool IsSpecial(int id) => _special.Contains(id);

    /// <summary>
    /// Whether text of a message must not become this token, which applies to every added token except those that are ordinary text.
    /// </summary>
    public bool IsControl(int id) => (uint)id < (uint)_control.Length && _control[id];

    public AddedToken? Find(int id) => _indexOfId.TryGetValue(id, out var index) ? List[index] : null;

    public AddedToken? Find(string content) => _indexOfContent.TryGetValue(content, out var index) ? List[index] : null;

    /// <summary>
    /// Splits a text at added tokens. Each call returns the id of the next token, and the text before it (which may be empty) from
    /// <paramref name="gapStart"/> to <paramref name="gapEnd"/>; -1 if there are no more tokens, with the remaining text as the gap.
    /// </summary>
    /// <param name="text">The whole text (raw or a normalized segment).</param>
    /// <param name="normalized">Whether to match the tokens for normalized text.</param>
    /// <param name="filter">The parts in which tokens are not recognized, or null.</param>
    /// <param name="cursor">The state of the search; initially default.</param>
    /// <param name="gapStart">The start of the text before the token.</param>
    /// <param name="gapEnd">The end of the text before the token.</param>
    public int Next(ReadOnlySpan<byte> text, bool normalized, OrdinaryText? filter, ref MatchCursor cursor, out int gapStart, out int gapEnd)
    {
        var trie = normalized ? _normalized : _raw;
        while (!trie.IsEmpty && cursor.Search < text.Length)
        {
            var start = trie.IndexOfCandidate(text, cursor.Search);
            if (start < 0)
            {
                break;
            }

            var index = trie.Match(text, start, filter, out var length);
            if (index < 0)
            {
                cursor.Search = start + 1;
                continue;
            }

            // The search continues after the match itself, even if the flags extend it.
            var end = start + length;
            cursor.Search = end;
            var token = List[index];
            if (token.SingleWord && (WordChars.EndsWithWord(text[..start]) || WordChars.BeginsWithWord(text[end..])))
            {
                continue;
            }

            start = token.StripLeft ? Math.Max(WordChars.TrimEnd(text[..start]), cursor.Done) : start;
            end = token.StripRight ? text.Length - WordChars.TrimStart(text[end..]) : end;
            gapStart = cursor.Done;
            gapEnd = Math.Max(start, gapStart);
            cursor.Done = end;
            return token.Id;
        }

        cursor.Search = text.Length;
        gapStart = cursor.Done;
        gapEnd = text.Length;
        return -1;
    }

    /// <summary>The state of a search.</summary>
    internal struct MatchCursor
    {
        /// <summary>The position from which the next match is searched.</summary>
        public int Search;

        /// <summary>The end of the text that has been returned.</summary>
        public int Done;
    }
}

/// <summary>The character classes of added tokens: <c>\w</c> and <c>\s</c> as defined by UTS 18.</summary>
internal static class WordChars
{
    public static bool EndsWithWord(ReadOnlySpan<byte> text) =>
        Rune.DecodeLastFromUtf8(text, out var rune, out _) == System.Buffers.OperationStatus.Done && IsWord(rune.Value);

    public static bool BeginsWithWord(ReadOnlySpan<byte> text) =>
        Rune.DecodeFromUtf8(text, out var rune, out _) == System.Buffers.OperationStatus.Done && IsWord(rune.Value);

    /// <summary>Gets the length of the text without trailing white space.</summary>
    public static int TrimEnd(ReadOnlySpan<byte> text)
    {
        while (Rune.DecodeLastFromUtf8(text, out var rune, out var length) == System.Buffers.OperationStatus.Done && IsSpace(rune.Value))
        {
            text = text[..^length];
        }

        return text.Length;
    }

    /// <summary>Gets the length of the text without leading white space.</summary>
    public static int TrimStart(ReadOnlySpan<byte> text)
    {
        while (Rune.DecodeFromUtf8(text, out var rune, out var length) == System.Buffers.OperationStatus.Done && IsSpace(rune.Value))
        {
            text = text[length..];
        }

        return text.Length;
    }

    private static bool IsWord(int codePoint) => UnicodeSets.RustWord.Contains(codePoint);

    private static bool IsSpace(int codePoint) => (CharClasses.Of(codePoint) & CharClass.Space) != 0;
}

/// <summary>
/// Finds added tokens in text: the longest one at each position, like the automaton of the reference. Positions at which none can begin are skipped
/// with a vectorized search for first bytes. Immutable.
/// </summary>
internal sealed class TokenTrie
{
    private readonly SearchValues<byte> _firstBytes;
    private readonly int[] _root = new int[256];
    private readonly Dictionary<int, int> _children = [];
    private readonly List<int> _tokens = [-1];

    /// <param name="tokens">The contents (non-empty UTF-8) and the values to return for a match. The last value of equal contents is used.</param>
    public TokenTrie(IEnumerable<(byte[] Content, int Token)> tokens)
    {
        foreach (var (content, token) in tokens)
        {
            var node = 0;
            foreach (var value in content)
            {
                ref var child = ref ChildSlot(node, value);
                if (child == 0)
                {
                    child = _tokens.Count;
                    _tokens.Add(-1);
                }

                node = child;
            }

            _tokens[node] = token;
            IsEmpty = false;
        }

        _firstBytes = SearchValues.Create([.. Enumerable.Range(0, 256).Where(value => _root[value] != 0).Select(value => (byte)value)]);
    }

    public bool IsEmpty { get; } = true;

    /// <summary>Finds the next position from <paramref name="from"/> at which a token can begin, or -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int IndexOfCandidate(ReadOnlySpan<byte> text, int from)
    {
        var index = text[from..].IndexOfAny(_firstBytes);
        return index < 0 ? -1 : from + index;
    }

    /// <summary>Matches the longest token at a position that <paramref name="filter"/> allows and returns its value, or -1.</summary>
    public int Match(ReadOnlySpan<byte> text, int at, OrdinaryText? filter, out int length)
    {
        var found = -1;
        length = 0;
        var node = _root[text[at]];
        for (var i = at + 1; node != 0; i++)
        {
            var token = _tokens[node];
            if (token >= 0 && (filter is null || !filter.Blocks(token, at, i)))
            {
                found = token;
                length = i - at;
            }

            if (i >= text.Length || !_children.TryGetValue(node << 8 | text[i], out node))
            {
                break;
            }
        }

        return found;
    }

    private ref int ChildSlot(int node, byte value) => ref node == 0
        ? ref _root[value]
        : ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_children, node << 8 | value, out _);
}
