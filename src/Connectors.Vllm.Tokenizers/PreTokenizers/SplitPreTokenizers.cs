using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.RegularExpressions;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.PreTokenizers;

/// <summary>The pre-tokenizers Split and Whitespace, which split at the matches of a pattern.</summary>
internal sealed class RegexSplitPreTokenizer(RegexProgram pattern, SplitBehavior behavior, bool invert) : PreTokenizer
{
    public override void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output, TextBudget budget)
    {
        if (behavior == SplitBehavior.Isolated)
        {
            Isolate(piece, atTextStart, output, budget);
            return;
        }

        var spans = SplitSpans.Rent();
        var matches = new RegexMatches(pattern, budget);
        while (matches.MoveNext(piece))
        {
            spans.AddMatch(matches.Start, matches.End);
        }

        matches.Dispose();
        spans.Finish(piece, behavior, invert, atTextStart, output);
        spans.Return();
    }

    /// <summary>Every match and every gap is a piece, so they need not be collected first.</summary>
    private void Isolate(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output, TextBudget budget)
    {
        if (output.Count == 0)
        {
            output.AtTextStart = atTextStart;
        }

        using var matches = new RegexMatches(pattern, budget);
        var end = 0;
        while (matches.MoveNext(piece))
        {
            if (matches.Start > end)
            {
                output.Add(piece, end, matches.Start);
            }

            output.Add(piece, matches.Start, matches.End);
            end = matches.End;
        }

        output.Add(piece, end, piece.Length);
    }
}

/// <summary>Split with a String pattern, which splits at every occurrence of a text.</summary>
internal sealed class LiteralSplitPreTokenizer(byte[] literal, SplitBehavior behavior, bool invert) : PreTokenizer
{
    public override void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output, TextBudget budget)
    {
        budget.SpendSearch(piece.Length, literal.Length);
        var spans = SplitSpans.Rent();
        for (var position = 0; piece[position..].IndexOf(literal) is var found and >= 0;)
        {
            position += found + literal.Length;
            spans.AddMatch(position - literal.Length, position);
        }

        spans.Finish(piece, behavior, invert, atTextStart, output);
        spans.Return();
    }
}

/// <summary>
/// Splits at single characters of a set: Punctuation, Digits, WhitespaceSplit, CharDelimiterSplit. Each character is a separate match.
/// </summary>
internal sealed class CharacterSplitPreTokenizer(CodePointSet set, SplitBehavior behavior) : PreTokenizer
{
    public override void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output, TextBudget budget)
    {
        var spans = SplitSpans.Rent();
        for (var i = 0; i < piece.Length;)
        {
            var codePoint = CodePoints.Read(piece, i, out var length);
            if (set.Contains(codePoint))
            {
                spans.AddMatch(i, i + length);
            }

            i += length;
        }

        spans.Finish(piece, behavior, invert: false, atTextStart, output);
        spans.Return();
    }
}

/// <summary>How the matches of a Split are handled (https://huggingface.co/docs/tokenizers/api/pre-tokenizers).</summary>
internal enum SplitBehavior
{
    /// <summary>Matches are dropped.</summary>
    Removed,

    /// <summary>Every match and every gap is a piece.</summary>
    Isolated,

    /// <summary>A match joins the gap before it; a match after a match stands alone.</summary>
    MergedWithPrevious,

    /// <summary>A match joins the gap after it; a match before a match stands alone.</summary>
    MergedWithNext,

    /// <summary>Consecutive matches are one piece.</summary>
    Contiguous,
}

/// <summary>
/// A piece divided into matches and the gaps between them, and the pieces that the five behaviors produce from it. Cached per thread; rent it with
/// <see cref="Rent"/>.
/// </summary>
internal sealed class SplitSpans
{
    private const int Kept = 1 << 16;

    [ThreadStatic]
    private static SplitSpans? s_cached;

    private int[] _ends = new int[256];
    private bool[] _isMatch = new bool[256];
    private int _count;

    private SplitSpans()
    {
    }

    private int End => _count == 0 ? 0 : _ends[_count - 1];

    public static SplitSpans Rent()
    {
        var spans = s_cached ?? new SplitSpans();
        s_cached = null;
        spans._count = 0;
        return spans;
    }

    public void Return() => s_cached = _ends.Length > Kept ? null : this;

    /// <summary>Adds a match (which may be empty), and the gap before it.</summary>
    public void AddMatch(int start, int end)
    {
        if (start > End)
        {
            Add(start, isMatch: false);
        }

        Add(end, isMatch: true);
    }

    /// <summary>Ends the splitting of a text and adds the pieces.</summary>
    public void Finish(ReadOnlySpan<byte> text, SplitBehavior behavior, bool invert, bool atTextStart, PieceList output)
    {
        if (End < text.Length)
        {
            Add(text.Length, isMatch: false);
        }

        if (invert)
        {
            for (var i = 0; i < _count; i++)
            {
                _isMatch[i] = !_isMatch[i];
            }
        }

        var before = output.Count;
        var start = 0;
        for (var i = 0; i < _count;)
        {
            var last = LastOfPiece(i, behavior);
            if (behavior != SplitBehavior.Removed || !_isMatch[i])
            {
                if (output.Count == before && _ends[last] > start)
                {
                    output.AtTextStart = before == 0 ? atTextStart && start == 0 : output.AtTextStart;
                }

                output.Add(text, start, _ends[last]);
            }

            start = _ends[last];
            i = last + 1;
        }
    }

    /// <summary>Gets the last span of the piece that begins with span <paramref name="first"/>.</summary>
    private int LastOfPiece(int first, SplitBehavior behavior)
    {
        var last = first;
        switch (behavior)
        {
            case SplitBehavior.Contiguous:
                while (last + 1 < _count && _isMatch[last + 1] == _isMatch[first])
                {
                    last++;
                }

                break;
            case SplitBehavior.MergedWithPrevious:
                last += !_isMatch[first] && first + 1 < _count && _isMatch[first + 1] ? 1 : 0;
                break;
            case SplitBehavior.MergedWithNext:
                last += _isMatch[first] && first + 1 < _count && !_isMatch[first + 1] ? 1 : 0;
                break;
        }

        return last;
    }

    private void Add(int end, bool isMatch)
    {
        if (_count == _ends.Length)
        {
            Array.Resize(ref _ends, _count * 2);
            Array.Resize(ref _isMatch, _count * 2);
        }

        _ends[_count] = end;
        _isMatch[_count++] = isMatch;
    }
}
