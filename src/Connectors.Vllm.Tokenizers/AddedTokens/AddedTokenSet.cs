using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Normalizers;
using Connectors.Vllm.Tokenizers.Scanners;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.AddedTokens;

/// <summary>The added tokens of a tokenizer and how they are found in text. Immutable.</summary>
internal sealed class AddedTokenSet
{
    private readonly Dictionary<string, int> _indexOfContent = new(StringComparer.Ordinal);
    private readonly Dictionary<int, int> _indexOfId = [];
    private readonly HashSet<int> _special = [];
    private readonly bool[] _control;
    private readonly TokenTrie _raw;
    private readonly TokenTrie _normalized;

    /// <param name="tokens">The tokens with their final ids. A content that comes again replaces the flags of the earlier one.</param>
    /// <param name="normalizer">Gives the form in which normalized tokens are searched.</param>
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
        var buffer = new Utf8Buffer { Limit = budget.LongestOutput };
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

    /// <summary>Whether some tokens are searched in the normalized text.</summary>
    public bool HasNormalized => !_normalized.IsEmpty;

    public bool IsSpecial(int id) => _special.Contains(id);

    /// <summary>Whether the token does not come out of a message's text: every added token but those that are ordinary text.</summary>
    public bool IsControl(int id) => (uint)id < (uint)_control.Length && _control[id];

    public AddedToken? Find(int id) => _indexOfId.TryGetValue(id, out var index) ? List[index] : null;

    public AddedToken? Find(string content) => _indexOfContent.TryGetValue(content, out var index) ? List[index] : null;

    /// <summary>
    /// Cuts a text at added tokens. Each call gives the next token: its id, and in <paramref name="gapStart"/> to
    /// <paramref name="gapEnd"/> the text before it (may be empty); -1 if there is none is left, with the rest of the text as the gap.
    /// </summary>
    /// <param name="text">The whole text (raw, or a normalized segment).</param>
    /// <param name="normalized">Which tokens are searched.</param>
    /// <param name="filter">Where tokens are not recognized, or null.</param>
    /// <param name="cursor">Where the search stands; default at first.</param>
    /// <param name="gapStart">Where the text before the token begins.</param>
    /// <param name="gapEnd">Where it ends.</param>
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

            // The search goes on after the bare match, whatever the flags make of it.
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

    /// <summary>State of a search.</summary>
    internal struct MatchCursor
    {
        /// <summary>Where the next match may begin.</summary>
        public int Search;

        /// <summary>Everything before this has been handed out.</summary>
        public int Done;
    }
}

/// <summary>The character tests of added tokens: <c>\w</c> and <c>\s</c> as Unicode's regex annex (UTS 18) defines them.</summary>
internal static class WordChars
{
    public static bool EndsWithWord(ReadOnlySpan<byte> text) =>
        Rune.DecodeLastFromUtf8(text, out var rune, out _) == System.Buffers.OperationStatus.Done && IsWord(rune.Value);

    public static bool BeginsWithWord(ReadOnlySpan<byte> text) =>
        Rune.DecodeFromUtf8(text, out var rune, out _) == System.Buffers.OperationStatus.Done && IsWord(rune.Value);

    /// <summary>The length of the text without the white space at its end.</summary>
    public static int TrimEnd(ReadOnlySpan<byte> text)
    {
        while (Rune.DecodeLastFromUtf8(text, out var rune, out var length) == System.Buffers.OperationStatus.Done && IsSpace(rune.Value))
        {
            text = text[..^length];
        }

        return text.Length;
    }

    /// <summary>The length of the text without the white space at its start.</summary>
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
/// Finds added tokens in text: at each place the longest one, as the reference's automaton does. Places where none can begin are skipped
/// with a vectorised search for first bytes. Immutable.
/// </summary>
internal sealed class TokenTrie
{
    private readonly SearchValues<byte> _firstBytes;
    private readonly int[] _root = new int[256];
    private readonly Dictionary<int, int> _children = [];
    private readonly List<int> _tokens = [-1];

    /// <param name="tokens">Contents (UTF-8, not empty) with what a match reports. A content given twice reports the last.</param>
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

    /// <summary>The next place from <paramref name="from"/> on where a token can begin, or -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int IndexOfCandidate(ReadOnlySpan<byte> text, int from)
    {
        var index = text[from..].IndexOfAny(_firstBytes);
        return index < 0 ? -1 : from + index;
    }

    /// <summary>The longest token at a place that <paramref name="filter"/> lets through: what it reports, or -1.</summary>
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
