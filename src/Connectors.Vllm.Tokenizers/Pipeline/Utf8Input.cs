using System.Buffers;
using System.Text;
using System.Text.Unicode;
using Connectors.Vllm.Tokenizers.AddedTokens;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Normalizers;

namespace Connectors.Vllm.Tokenizers.Pipeline;

/// <summary>Writes a caller's text to an encoder's input buffer, and maps the ordinary ranges.</summary>
internal static class Utf8Input
{
    /// <summary>Transcodes to UTF-8; an unpaired surrogate becomes U+FFFD.</summary>
    public static void Write(ReadOnlySpan<char> text, Utf8Buffer output)
    {
        while (!text.IsEmpty)
        {
            // Most text is ASCII, so the buffer initially has the length of the text and grows if necessary.
            var room = output.GetSpan(Math.Max(64, text.Length));
            var status = Utf8.FromUtf16(text, room, out var read, out var written, replaceInvalidSequences: true);
            output.Advance(written);
            text = text[read..];
            if (status == OperationStatus.Done)
            {
                return;
            }
        }
    }

    /// <summary>Copies UTF-8; every maximal invalid part becomes U+FFFD.</summary>
    public static void Write(ReadOnlySpan<byte> text, Utf8Buffer output)
    {
        if (Utf8.IsValid(text))
        {
            output.Append(text);
            return;
        }

        while (!text.IsEmpty)
        {
            var status = Rune.DecodeFromUtf8(text, out var rune, out var length);
            if (status == OperationStatus.Done)
            {
                output.Append(text[..length]);
            }
            else
            {
                output.AppendCodePoint(rune.Value);
            }

            text = text[length..];
        }
    }

    /// <summary>Transcodes to UTF-8 and fills <paramref name="ordinary"/> with the sorted, merged byte ranges.</summary>
    public static void Write(ReadOnlySpan<char> text, ReadOnlySpan<Range> ranges, Utf8Buffer output, OrdinaryText ordinary)
    {
        var sorted = Sort(text, ranges);
        var done = 0;
        var byteRanges = ordinary.Ranges;
        foreach (var (start, end) in sorted)
        {
            Write(text[done..start], output);
            var byteStart = output.Length;
            Write(text[start..end], output);
            if (byteRanges.Count > 0 && byteRanges[^1].End == byteStart)
            {
                byteRanges[^1] = (byteRanges[^1].Start, output.Length);
            }
            else
            {
                byteRanges.Add((byteStart, output.Length));
            }

            done = end;
        }

        Write(text[done..], output);
    }

    /// <summary>Sorts and merges ranges; a range that would split a surrogate pair includes the whole pair.</summary>
    private static List<(int Start, int End)> Sort(ReadOnlySpan<char> text, ReadOnlySpan<Range> ranges)
    {
        var result = new List<(int Start, int End)>(ranges.Length);
        foreach (var range in ranges)
        {
            var start = range.Start.GetOffset(text.Length);
            var end = range.End.GetOffset(text.Length);
            if (start < 0 || end > text.Length || start > end)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(ranges), $"the ordinary range {range} is outside the text of {text.Length} UTF-16 units");
            }

            if (start == end)
            {
                continue;
            }

            start -= IsInsidePair(text, start) ? 1 : 0;
            end += IsInsidePair(text, end) ? 1 : 0;
            result.Add((start, end));
        }

        result.Sort();
        var kept = 0;
        for (var i = 1; i < result.Count; i++)
        {
            if (result[i].Start <= result[kept].End)
            {
                result[kept] = (result[kept].Start, Math.Max(result[kept].End, result[i].End));
            }
            else
            {
                result[++kept] = result[i];
            }
        }

        if (result.Count > 0)
        {
            result.RemoveRange(kept + 1, result.Count - kept - 1);
        }

        return result;
    }

    private static bool IsInsidePair(ReadOnlySpan<char> text, int at) =>
        at > 0 && at < text.Length && char.IsHighSurrogate(text[at - 1]) && char.IsLowSurrogate(text[at]);
}

/// <summary>
/// Maps positions of a text to its normal form. The exact result is the length of the normal form of everything before the position. With very many
/// positions in a very long text that would be quadratic; the lengths between the positions are then added instead, which is equivalent for every
/// normalizer that works character by character.
/// </summary>
internal ref struct NormalBorder
{
    private readonly Normalizer? _normalizer;
    private readonly Utf8Buffer _scratch;
    private readonly TextBudget _budget;
    private readonly bool _exact;
    private readonly int _prefix;
    private int _place;
    private int _normalPlace;

    public NormalBorder(Normalizer? normalizer, Utf8Buffer scratch, bool exact, TextBudget budget)
    {
        _normalizer = normalizer;
        _scratch = scratch;
        _budget = budget;
        _exact = exact;

        // A prefix that is added to every text must not be counted for every part.
        _prefix = exact ? 0 : Length("a"u8) - 1;
    }

    /// <summary>Maps <paramref name="place"/> to the normal form of <paramref name="text"/>. Positions must be ascending.</summary>
    public int Of(ReadOnlySpan<byte> text, int place)
    {
        if (place == 0)
        {
            return 0;
        }

        if (_exact)
        {
            return Length(text[..place]);
        }

        if (place > _place)
        {
            _normalPlace += Length(text[_place..place]) - (_place > 0 ? _prefix : 0);
            _place = place;
        }

        return _normalPlace;
    }

    private readonly int Length(ReadOnlySpan<byte> text)
    {
        _scratch.Clear();
        _budget.Note(text.Length);
        return _normalizer is not null && _normalizer.TryNormalize(text, _scratch, _budget) ? _scratch.Length : text.Length;
    }
}
