using System.Buffers;

namespace Connectors.Vllm.OutputParsing.Machines;

/// <summary>Finds markers at a position: a trie over all markers of a format and the leftover special tokens. Immutable and shared.</summary>
internal sealed class MarkerTrie
{
    private readonly List<TrieNode> _nodes = [new()];

    public MarkerTrie(IEnumerable<Marker> markers)
    {
        foreach (var marker in markers)
        {
            Add(marker);
        }

        var everywhere = _nodes[0].Children.Where(child => Reaches(child.Value, ~MarkerKind.CallOpenAtStart)).Select(child => child.Key).ToArray();
        FirstCharacters = SearchValues.Create([.. everywhere, '`']);
    }

    /// <summary>Characters a marker can begin with, except those that only count at the start of the answer; and the backtick of code.</summary>
    public SearchValues<char> FirstCharacters { get; }

    /// <summary>
    /// The longest marker that <paramref name="text"/> begins with and <paramref name="accepts"/> takes. <paramref name="open"/> is true when the
    /// text ends before it is certain that no longer one follows.
    /// </summary>
    public Marker? Match<TState>(ReadOnlySpan<char> text, in TState state, MarkerFilter<TState> accepts, out bool open)
        where TState : allows ref struct
    {
        Marker? found = null;
        var node = 0;
        for (var i = 0; ; i++)
        {
            if (_nodes[node].Marker is { } marker && accepts(state, marker))
            {
                found = marker;
            }

            if (_nodes[node].Children.Count == 0)
            {
                break;
            }

            if (i == text.Length)
            {
                open = true;
                return found;
            }

            if (!_nodes[node].Children.TryGetValue(text[i], out node))
            {
                break;
            }
        }

        open = false;
        return found;
    }

    private void Add(Marker marker)
    {
        var node = 0;
        foreach (var c in marker.Text)
        {
            if (!_nodes[node].Children.TryGetValue(c, out var next))
            {
                next = _nodes.Count;
                _nodes[node].Children.Add(c, next);
                _nodes.Add(new TrieNode());
            }

            node = next;
        }

        // A text may be several markers; a special token of the format takes precedence.
        _nodes[node].Marker = _nodes[node].Marker is { } known
            ? known with
            {
                Kind = marker.Kind == MarkerKind.Special ? known.Kind : known.Kind | marker.Kind,
                IsToken = known.IsToken || marker.IsToken,
                IsSpecial = known.IsSpecial || marker.IsSpecial,
            }
            : marker;
    }

    private bool Reaches(int node, MarkerKind kinds) =>
        ((_nodes[node].Marker?.Kind ?? MarkerKind.None) & kinds) != 0 || _nodes[node].Children.Values.Any(child => Reaches(child, kinds));

    private sealed class TrieNode
    {
        public Dictionary<char, int> Children { get; } = [];

        public Marker? Marker { get; set; }
    }
}

/// <summary>A marker of the output.</summary>
/// <param name="Text">Its characters.</param>
/// <param name="Kind">What it does.</param>
/// <param name="IsToken">True when it is one token of the vocabulary: where ids are known, only the token counts.</param>
internal sealed record Marker(string Text, MarkerKind Kind, bool IsToken)
{
    /// <summary>True for a special token of the tokenizer.</summary>
    public bool IsSpecial { get; init; } = Kind == MarkerKind.Special;
}

/// <summary>Determines whether a marker is recognized in the current state.</summary>
internal delegate bool MarkerFilter<TState>(in TState state, Marker marker)
    where TState : allows ref struct;

/// <summary>What a marker does.</summary>
[Flags]
internal enum MarkerKind
{
    None = 0,

    /// <summary>Begins reasoning.</summary>
    ReasoningOpen = 1,

    /// <summary>Ends reasoning.</summary>
    ReasoningClose = 2,

    /// <summary>Begins a block of calls.</summary>
    CallOpen = 4,

    /// <summary>Begins a block of calls, but only where the text of the answer begins.</summary>
    CallOpenAtStart = 8,

    /// <summary>Part of the format, without content.</summary>
    Drop = 16,

    /// <summary>A special token that no format claims.</summary>
    Special = 32,

    /// <summary>Ends calls where none are open: without content in an answer, but part of reasoning that calls do not end.</summary>
    StrayCloser = 128,

    /// <summary>Begins a citation's tag in the text of an answer, which goes on with numbers up to <c>&gt;</c>; without content.</summary>
    Citation = 64,

    /// <summary>Begins a call that is only spoken of: part of the text.</summary>
    Quote = 256,
}

/// <summary>
/// The tags that tell which document a span of an answer rests on: <c>&lt;co&gt;span&lt;/co: 0:[1,2]&gt;</c>, or <c>&lt;co: 0&gt;span&lt;/co:
/// 0&gt;</c>.
/// </summary>
internal static class Citation
{
    private const int MaxLength = 512;
    private static readonly SearchValues<char> Numbers = SearchValues.Create(" 0123456789:[],");

    /// <summary>
    /// Length of the tag that <paramref name="text"/> begins with; 0 when it is none. <paramref name="open"/> when the text ends inside of what
    /// may be one.
    /// </summary>
    public static int Length(ReadOnlySpan<char> text, int begun, out bool open)
    {
        var inner = text[begun..Math.Min(text.Length, MaxLength)];
        var end = inner.IndexOfAnyExcept(Numbers);
        open = end < 0 && text.Length < MaxLength;
        return end >= 0 && inner[end] == '>' ? begun + end + 1 : 0;
    }
}
