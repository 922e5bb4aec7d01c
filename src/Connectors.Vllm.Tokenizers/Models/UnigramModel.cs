using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.Models;

/// <summary>
/// Unigram (SentencePiece, https://arxiv.org/abs/1808.06226): the segmentation with the highest sum of token scores, found by Viterbi search.
/// Consecutive unknown characters become one unknown token.
/// </summary>
internal sealed class UnigramModel : TokenModel
{
    /// <summary>The penalty of an unknown character relative to the worst token.</summary>
    private const float UnknownPenalty = 10.0f;

    private readonly Vocabulary _vocabulary;
    private readonly double[] _scores;
    private readonly int _unknown;
    private readonly UnigramTrie _trie = new();
    private readonly double _unknownScore;
    private readonly int[] _byteTokens = new int[256];
    private readonly bool _byteFallback;
    private readonly bool _roundsSums;

    /// <param name="vocabulary">The tokens; the id of a token is its position in the file.</param>
    /// <param name="scores">The score of each id.</param>
    /// <param name="unknown">Id of the unknown token, or -1.</param>
    /// <param name="byteFallback">Whether unknown text becomes the tokens of its bytes.</param>
    /// <param name="own">The scoring of SentencePiece itself; null for that of the reference.</param>
    public UnigramModel(Vocabulary vocabulary, double[] scores, int unknown, bool byteFallback, SentencePieceScoring? own = null)
    {
        _roundsSums = own is not null;
        _vocabulary = vocabulary;
        _scores = scores;
        _unknown = unknown;
        _unknownScore = own is null ? scores.DefaultIfEmpty().Min() - UnknownPenalty : own.Worst - UnknownPenalty;
        _byteFallback = byteFallback;
        for (var id = 0; id < scores.Length; id++)
        {
            var token = vocabulary.Token(id);
            if (!token.IsEmpty && own?.Hidden.Contains(id) != true)
            {
                // The last of equal tokens is used.
                _trie.Add(token, vocabulary.Find(token));
            }
        }

        for (var value = 0; value < 256; value++)
        {
            _byteTokens[value] = vocabulary.Find($"<0x{value:X2}>");
        }
    }

    public override Vocabulary Vocabulary => _vocabulary;

    public override int UnknownId => _unknown;

    public override ModelState CreateState() => new Work();

    public override void Encode(ReadOnlySpan<byte> piece, ModelState state, IdList output)
    {
        var work = (Work)state;
        work.Prepare(piece.Length);
        Search(piece, work);

        var pieces = work.Ends;
        pieces.Clear();
        for (var end = piece.Length; end > 0;)
        {
            pieces.Add(end);
            end = StartOfPiece(work, end);
        }

        var start = 0;
        for (var i = pieces.Count - 1; i >= 0; i--)
        {
            var end = pieces.Written[i];
            Add(piece[start..end], output);
            start = end;
        }
    }

    private void Search(ReadOnlySpan<byte> piece, Work work)
    {
        var (scores, starts, ids) = (work.Scores, work.Starts, work.Ids);
        for (var start = 0; start < piece.Length;)
        {
            _ = CodePoints.Read(piece, start, out var character);
            var before = scores[start];
            var hasSingle = false;
            var node = UnigramTrie.Root;
            var steps = start;
            for (var end = start; end < piece.Length; steps = end)
            {
                node = _trie.Next(node, piece[end++]);
                if (node < 0)
                {
                    break;
                }

                var id = _trie.Token(node);
                if (id >= 0)
                {
                    var score = _scores[id] + before;
                    if (starts[end] < 0 || score > scores[end])
                    {
                        (scores[end], starts[end], ids[end]) = (_roundsSums ? (float)score : score, start, id);
                    }

                    hasSingle |= end - start == character;
                }
            }

            if (!hasSingle)
            {
                var end = start + character;
                var score = _roundsSums ? (float)(_unknownScore + before) : _unknownScore + before;
                if (starts[end] < 0 || score > scores[end])
                {
                    (scores[end], starts[end], ids[end]) = (score, start, _unknown >= 0 ? _unknown : throw MissingUnknown());
                }
            }

            work.Spend(steps - start + 1);
            start += character;
        }
    }

    /// <summary>Gets the start of the piece that ends at <paramref name="end"/>; consecutive unknown characters are one piece.</summary>
    private int StartOfPiece(Work work, int end)
    {
        var isUnknown = work.Ids[end] == _unknown;
        var start = work.Starts[end];
        while (isUnknown && start > 0 && work.Ids[start] == _unknown)
        {
            start = work.Starts[start];
        }

        return start;
    }

    private void Add(ReadOnlySpan<byte> piece, IdList output)
    {
        var id = _vocabulary.Find(piece);
        if (id >= 0)
        {
            output.Add(id);
            return;
        }

        if (_byteFallback && HasAllBytes(piece))
        {
            foreach (var value in piece)
            {
                output.Add(_byteTokens[value]);
            }

            return;
        }

        output.Add(_unknown >= 0 ? _unknown : throw MissingUnknown());
    }

    private bool HasAllBytes(ReadOnlySpan<byte> piece)
    {
        foreach (var value in piece)
        {
            if (_byteTokens[value] < 0)
            {
                return false;
            }
        }

        return true;
    }

    private static TokenizerException MissingUnknown() => new("the text contains a character that is not a token, and the model has no unk_id");

    /// <summary>The best path to each byte position: its score, the start of its last token, and that token's id.</summary>
    private sealed class Work : ModelState
    {
        private const int Kept = 1 << 16;

        private int _steps;

        public double[] Scores { get; private set; } = [];

        public int[] Starts { get; private set; } = [];

        public int[] Ids { get; private set; } = [];

        public IdList Ends { get; } = new();

        /// <summary>Spends steps of the budget in batches.</summary>
        public void Spend(int steps)
        {
            _steps += steps;
            if (_steps > TextBudget.Portion)
            {
                Budget.Spend(_steps);
                _steps = 0;
            }
        }

        public void Prepare(int length)
        {
            if (Scores.Length <= length)
            {
                var size = Math.Max(256, length + 1 + (length / 2));
                (Scores, Starts, Ids) = (new double[size], new int[size], new int[size]);
            }

            Starts.AsSpan(0, length + 1).Fill(-1);
            Scores[0] = 0;
        }

        public override void Trim()
        {
            Ends.Trim(Kept);
            if (Scores.Length > Kept)
            {
                (Scores, Starts, Ids) = ([], [], []);
            }
        }
    }
}

/// <summary>The differences of SentencePiece files: sums have single precision, which decides between equally good segmentations.</summary>
/// <param name="Hidden">The ids that text never becomes: control, byte and unused pieces.</param>
/// <param name="Worst">The lowest score of an ordinary piece.</param>
internal sealed record SentencePieceScoring(HashSet<int> Hidden, float Worst);

/// <summary>A trie of the tokens of a Unigram model, as a hash table from (node, byte) to node.</summary>
internal sealed class UnigramTrie
{
    private const int None = -1;

    private long[] _keys = new long[1 << 12];
    private int[] _children = new int[1 << 12];
    private int _nodes = 1;
    private int[] _tokens = [None];

    /// <summary>The root node.</summary>
    public const int Root = 0;

    /// <summary>Adds a token; an existing one gets the new number.</summary>
    public void Add(ReadOnlySpan<byte> token, int number)
    {
        var node = Root;
        foreach (var value in token)
        {
            var child = Next(node, value);
            node = child >= 0 ? child : AddChild(node, value);
        }

        _tokens[node] = number;
    }

    /// <summary>Gets the node after a byte, or -1.</summary>
    public int Next(int node, byte value)
    {
        var key = Key(node, value);
        var mask = _keys.Length - 1;
        for (var slot = Slot(key, mask); ; slot = (slot + 1) & mask)
        {
            if (_keys[slot] == key)
            {
                return _children[slot];
            }

            if (_keys[slot] == 0)
            {
                return None;
            }
        }
    }

    /// <summary>Gets the token that ends at a node, or -1.</summary>
    public int Token(int node) => _tokens[node];

    private static long Key(int node, byte value) => ((long)node << 8 | value) + 1;

    private static int Slot(long key, int mask) => (int)((ulong)key * 0x9E3779B97F4A7C15 >> 33) & mask;

    private int AddChild(int node, byte value)
    {
        if (_nodes * 2 > _keys.Length)
        {
            Grow();
        }

        if (_nodes == _tokens.Length)
        {
            Array.Resize(ref _tokens, _nodes * 2);
        }

        Insert(Key(node, value), _nodes);
        _tokens[_nodes] = None;
        return _nodes++;
    }

    private void Insert(long key, int child)
    {
        var mask = _keys.Length - 1;
        var slot = Slot(key, mask);
        while (_keys[slot] != 0)
        {
            slot = (slot + 1) & mask;
        }

        (_keys[slot], _children[slot]) = (key, child);
    }

    private void Grow()
    {
        var (keys, children) = (_keys, _children);
        _keys = new long[keys.Length * 2];
        _children = new int[keys.Length * 2];
        for (var i = 0; i < keys.Length; i++)
        {
            if (keys[i] != 0)
            {
                Insert(keys[i], children[i]);
            }
        }
    }
}
