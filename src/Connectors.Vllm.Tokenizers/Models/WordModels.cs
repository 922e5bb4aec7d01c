using System.Text;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.Models;

/// <summary>WordPiece: matches the longest token from left to right; a word that cannot be matched becomes the unknown token.</summary>
internal sealed class WordPieceModel : TokenModel
{
    private readonly Vocabulary _vocabulary;
    private readonly string _unknownToken;
    private readonly int _unknown;
    private readonly byte[] _prefix;
    private readonly int _maxCharacters;
    private readonly int _longestToken;

    public WordPieceModel(Vocabulary vocabulary, string unknownToken, string continuingSubwordPrefix, int maxInputCharsPerWord)
    {
        _vocabulary = vocabulary;
        _unknownToken = unknownToken;
        _unknown = vocabulary.Find(unknownToken);
        _prefix = Encoding.UTF8.GetBytes(continuingSubwordPrefix);
        _maxCharacters = maxInputCharsPerWord;
        for (var id = 0; id < vocabulary.IdLimit; id++)
        {
            _longestToken = Math.Max(_longestToken, vocabulary.Token(id).Length);
        }
    }

    public override Vocabulary Vocabulary => _vocabulary;

    public override int UnknownId => _unknown;

    public override ModelState CreateState() => new Work();

    public override void Encode(ReadOnlySpan<byte> piece, ModelState state, IdList output)
    {
        var first = output.Count;
        if (CountCharacters(piece) > _maxCharacters || !TryEncode(piece, (Work)state, output))
        {
            output.Truncate(first);
            output.Add(_unknown >= 0
                ? _unknown
                : throw new TokenizerException(
                    $"the text contains a word without tokens, and the unknown token '{_unknownToken}' is not in the vocabulary"));
        }
    }

    private bool TryEncode(ReadOnlySpan<byte> piece, Work work, IdList output)
    {
        var steps = 0L;
        for (var start = 0; start < piece.Length;)
        {
            var prefix = start > 0 ? _prefix : [];
            var end = Math.Min(piece.Length, start + Math.Max(0, _longestToken - prefix.Length));
            while (end < piece.Length && end > start && (piece[end] & 0xC0) == 0x80)
            {
                end--;
            }

            var id = -1;
            while (end > start && (id = Find(prefix, piece[start..end], work)) < 0)
            {
                _ = CodePoints.ReadBefore(piece, end, out var length);
                steps += end - start;
                end -= length;
            }

            if (steps > TextBudget.Portion)
            {
                work.Budget.Spend(steps);
                steps = 0;
            }

            if (id < 0)
            {
                return false;
            }

            output.Add(id);
            start = end;
        }

        return true;
    }

    protected override ReadOnlySpan<byte> Source(int id)
    {
        var token = _vocabulary.Token(id);
        return _prefix.Length > 0 && token.StartsWith(_prefix) ? token[_prefix.Length..] : token;
    }

    private int Find(byte[] prefix, ReadOnlySpan<byte> part, Work work)
    {
        if (prefix.Length == 0)
        {
            return _vocabulary.Find(part);
        }

        work.Token.Clear();
        work.Token.Append(prefix);
        work.Token.Append(part);
        return _vocabulary.Find(work.Token.Written);
    }

    private static int CountCharacters(ReadOnlySpan<byte> piece)
    {
        var count = 0;
        foreach (var value in piece)
        {
            count += (value & 0xC0) != 0x80 ? 1 : 0;
        }

        return count;
    }

    private sealed class Work : ModelState
    {
        public Utf8Buffer Token { get; } = new();
    }
}

/// <summary>Encodes every piece as one token, or as the unknown token.</summary>
internal sealed class WordLevelModel(Vocabulary vocabulary, string unknownToken) : TokenModel
{
    private readonly int _unknown = vocabulary.Find(unknownToken);

    public override Vocabulary Vocabulary => vocabulary;

    public override int UnknownId => _unknown;

    public override void Encode(ReadOnlySpan<byte> piece, ModelState state, IdList output)
    {
        var id = vocabulary.Find(piece);
        if (id < 0)
        {
            id = _unknown >= 0
                ? _unknown
                : throw new TokenizerException(
                    $"the text contains a word that is not a token, and the unknown token '{unknownToken}' is not in the vocabulary");
        }

        output.Add(id);
    }
}
