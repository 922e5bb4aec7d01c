using System.Collections.Concurrent;
using System.Text;
using Connectors.Vllm.Tokenizers.AddedTokens;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Models;
using Connectors.Vllm.Tokenizers.Normalizers;
using Connectors.Vllm.Tokenizers.PreTokenizers;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.Pipeline;

/// <summary>
/// Encodes text to ids: finds added tokens in the raw text, normalizes each segment between them, finds added tokens in the normalized segment, and
/// passes the remaining text to the segment encoder (through the segment cache). Thread-safe.
/// </summary>
internal sealed class EncodingPipeline
{
    /// <summary>The maximum amount of text that is normalized again to map borders exactly.</summary>
    private const long MaxNormalizedBytes = 16 << 20;

    private static readonly int MostStates = Math.Clamp(Environment.ProcessorCount, 1, 16);

    private readonly AddedTokenSet _added;
    private readonly Normalizer? _normalizer;
    private readonly SegmentEncoder _segments;
    private readonly TokenModel _model;
    private readonly SegmentCache? _cache;
    private readonly ConcurrentStack<EncoderState> _states = new();
    private int _stateCount;

    public EncodingPipeline(TokenizerDefinition definition, AddedTokenSet added, long segmentCacheCapacity)
    {
        _added = added;
        _normalizer = definition.Normalizer;
        _segments = SegmentEncoder.Create(definition);
        _model = definition.Model;
        _cache = segmentCacheCapacity > 0 ? new SegmentCache(segmentCacheCapacity) : null;
    }

    public TokenizerCacheStatistics Statistics => _cache?.Statistics ?? default;

    /// <summary>Rents a state with empty buffers; return it with <see cref="Return"/>.</summary>
    public EncoderState Rent()
    {
        if (_states.TryPop(out var state))
        {
            Interlocked.Decrement(ref _stateCount);
            return state;
        }

        return new EncoderState(_model.CreateState());
    }

    public void Return(EncoderState state)
    {
        state.Trim();
        if (Interlocked.Increment(ref _stateCount) <= MostStates)
        {
            _states.Push(state);
        }
        else
        {
            Interlocked.Decrement(ref _stateCount);
        }
    }

    /// <summary>Appends the ids of the state's input, after <see cref="EncoderState.Begin"/>.</summary>
    public void Encode(EncoderState state, OrdinaryText? ordinary)
    {
        var text = state.Input.Written;
        var cursor = default(AddedTokenSet.MatchCursor);
        int token;
        do
        {
            state.Budget.Observe();
            token = _added.Next(text, normalized: false, ordinary, ref cursor, out var start, out var end);
            if (start < end)
            {
                EncodeSegment(state, text[start..end], start, ordinary);
            }

            if (token >= 0)
            {
                state.Output.Add(token);
                state.Spans?.Add(end, cursor.Done);
            }
        }
        while (token >= 0 && state.Output.Count < state.Limits.MaxIds);
    }

    /// <summary>Encodes the text between two added tokens, which begins at <paramref name="offset"/> in the input.</summary>
    private void EncodeSegment(EncoderState state, ReadOnlySpan<byte> segment, int offset, OrdinaryText? ordinary)
    {
        var firstId = state.Output.Count;
        var text = segment;
        var atTextStart = offset == 0;
        var isChanged = false;
        if (_normalizer is not null && !state.Limits.SkipsNormalizer)
        {
            state.Normalized.Clear();
            state.Normalized.Alignment?.Clear();
            isChanged = _normalizer.TryNormalize(segment, state.Normalized, state.Budget);
            if (isChanged)
            {
                text = state.Normalized.Written;
                atTextStart = atTextStart && !_normalizer.StripsStart(segment, state.Budget);
            }
        }

        var inContent = ordinary is not null && ordinary.Overlaps(offset, offset + segment.Length) ? ordinary : null;
        if (_added.HasNormalized)
        {
            var filter = inContent is null ? null : MoveRanges(state, segment, text, offset, inContent);
            EncodeBetweenTokens(state, text, atTextStart, filter);
        }
        else
        {
            EncodePart(state, text, 0, atTextStart, inContent);
        }

        if (state.Spans is { } spans)
        {
            if (isChanged)
            {
                spans.Map(firstId, state.Normalized.Alignment!);
            }

            spans.Shift(firstId, offset);
        }
    }

    /// <summary>Encodes a normalized segment, which may contain further added tokens.</summary>
    private void EncodeBetweenTokens(EncoderState state, ReadOnlySpan<byte> text, bool atTextStart, OrdinaryText? content)
    {
        var cursor = default(AddedTokenSet.MatchCursor);
        int token;
        do
        {
            token = _added.Next(text, normalized: true, content, ref cursor, out var start, out var end);
            if (start < end)
            {
                EncodePart(state, text[start..end], start, atTextStart && start == 0, content);
            }

            if (token >= 0)
            {
                state.Output.Add(token);
                state.Spans?.Add(end, cursor.Done);
            }
        }
        while (token >= 0 && state.Output.Count < state.Limits.MaxIds);
    }

    /// <summary>Encodes a part without added tokens, through the cache.</summary>
    private void EncodePart(EncoderState state, ReadOnlySpan<byte> part, int offset, bool atTextStart, OrdinaryText? content)
    {
        if (part.IsEmpty)
        {
            return;
        }

        var firstId = state.Output.Count;
        var isTiled = state.Spans is null || !_segments.CutsPieces;
        if (_cache is null || !_cache.Takes(part.Length) || !isTiled || state.Limits.SkipsPreTokenizer)
        {
            EncodeRun(state, part, offset, atTextStart);
        }
        else
        {
            var hash = ByteHash.Of(part) + (atTextStart && _segments.DependsOnTextStart ? 1UL : 0);
            if (!_cache.TryAppend(part, hash, state.Output))
            {
                _segments.Encode(part, atTextStart, state);
                if (state.Output.Count < state.Limits.MaxIds)
                {
                    _cache.Add(part, hash, state.Output.Written[firstId..]);
                }
            }

            Locate(state, part, offset, firstId);
        }

        if (content is not null && FindControl(state.Output.Written[firstId..], content) is >= 0 and var control)
        {
            Forget(state, firstId);
            EncodeSplit(state, part, offset, atTextStart, content, control);
        }
    }

    /// <summary>Encodes a part and locates its ids.</summary>
    private void EncodeRun(EncoderState state, ReadOnlySpan<byte> part, int offset, bool atTextStart)
    {
        var firstId = state.Output.Count;
        if (state.Limits.SkipsPreTokenizer && _segments.TryEncodeWhole(part, state))
        {
            Locate(state, part, offset, firstId);
            return;
        }

        _segments.Encode(part, atTextStart, state);
        if (_segments.CutsPieces)
        {
            state.Spans?.Shift(firstId, offset);
        }
        else
        {
            Locate(state, part, offset, firstId);
        }
    }

    private void Locate(EncoderState state, ReadOnlySpan<byte> part, int offset, int firstId)
    {
        if (state.Spans is { } spans)
        {
            _model.Locate(part, state.Output.Written[firstId..], spans, state.Budget);
            spans.Shift(firstId, offset);
        }
    }

    /// <summary>Finds the first id that content must not produce, or -1.</summary>
    private int FindControl(ReadOnlySpan<int> ids, OrdinaryText content)
    {
        foreach (var id in ids)
        {
            if (_added.IsControl(id) && !content.Allows(id) && id != _model.UnknownId)
            {
                return id;
            }
        }

        return -1;
    }

    /// <summary>
    /// Encodes a part of content that the model itself would encode as a control token, because its vocabulary contains the token's text. The part is
    /// split inside that text or, if it does not occur literally, in the middle. Only the text around the split is encoded differently.
    /// </summary>
    private void EncodeSplit(EncoderState state, ReadOnlySpan<byte> part, int offset, bool atTextStart, OrdinaryText content, int control)
    {
        var name = Encoding.UTF8.GetBytes(_added.Find(control)!.Content);
        var border = CodePoints.Length(name[0]);
        var at = border < name.Length ? part.IndexOf(name) : -1;
        var cut = at >= 0 ? at + border : Middle(part);
        if (cut <= 0)
        {
            throw new TokenizerException(
                $"the text of a message contains '{Encoding.UTF8.GetString(part)}', for which this model has only the control token "
                + $"'{_added.Find(control)!.Content}'; allow that token in content, or remove the character");
        }

        // The text before the split is short or does not contain the token; the text after it may contain it many times, hence the loop.
        while (true)
        {
            state.Budget.Spend(cut + 64);
            EncodeGuarded(state, part[..cut], offset, atTextStart, content);
            part = part[cut..];
            offset += cut;
            atTextStart = false;
            at = border < name.Length ? part.IndexOf(name) : -1;
            if (at < 0)
            {
                EncodeGuarded(state, part, offset, false, content);
                return;
            }

            cut = at + border;
        }
    }

    private void EncodeGuarded(EncoderState state, ReadOnlySpan<byte> part, int offset, bool atTextStart, OrdinaryText content)
    {
        var firstId = state.Output.Count;
        EncodeRun(state, part, offset, atTextStart);
        if (FindControl(state.Output.Written[firstId..], content) is >= 0 and var control)
        {
            Forget(state, firstId);
            EncodeSplit(state, part, offset, atTextStart, content, control);
        }
    }

    private static void Forget(EncoderState state, int firstId)
    {
        state.Output.Truncate(firstId);
        state.Spans?.Truncate(firstId);
    }

    /// <summary>Finds a character boundary near the middle of a text; 0 if it is a single character.</summary>
    private static int Middle(ReadOnlySpan<byte> text)
    {
        var middle = text.Length / 2;
        while (middle > 0 && (text[middle] & 0xC0) == 0x80)
        {
            middle--;
        }

        return middle > 0 ? middle : CodePoints.Length(text[0]) is var first && first < text.Length ? first : 0;
    }

    /// <summary>
    /// Maps the ordinary ranges of a segment to its normal form. If normalization changed the text, a border is at the end of the normal form of
    /// everything before it.
    /// </summary>
    private OrdinaryText MoveRanges(EncoderState state, ReadOnlySpan<byte> segment, ReadOnlySpan<byte> text, int offset, OrdinaryText ordinary)
    {
        var moved = state.OrdinaryNormalized;
        moved.ResetFrom(ordinary);
        var changed = !segment.Overlaps(text);
        var first = ordinary.IndexOfEndBehind(offset);
        var last = ordinary.IndexOfEndBehind(offset + segment.Length);
        var isExact = (long)(last - first + 1) * segment.Length <= MaxNormalizedBytes;
        var border = new NormalBorder(_normalizer, state.Scratch, isExact, state.Budget);
        for (var i = first; i < ordinary.Ranges.Count && ordinary.Ranges[i].Start < offset + segment.Length; i++)
        {
            var from = Math.Max(ordinary.Ranges[i].Start - offset, 0);
            var to = Math.Min(ordinary.Ranges[i].End - offset, segment.Length);
            moved.Ranges.Add(changed ? (border.Of(segment, from), Math.Min(border.Of(segment, to), text.Length)) : (from, to));
        }

        return moved;
    }
}
