using System.Collections.Concurrent;
using Connectors.Vllm.Tokenizers.AddedTokens;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Models;
using Connectors.Vllm.Tokenizers.Normalizers;
using Connectors.Vllm.Tokenizers.PreTokenizers;

namespace Connectors.Vllm.Tokenizers.Pipeline;

/// <summary>
/// The way from text to ids: added tokens in the raw text, normalization of each segment between them, added tokens in the normalized
/// segment, and the segment encoder (through the segment cache) for what is left. Thread-safe.
/// </summary>
internal sealed class EncodingPipeline
{
    /// <summary>How much text may be normalized again to place borders exactly.</summary>
    private const long MostNormalizedBytes = 16 << 20;

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

    /// <summary>A state to write to; its buffers are empty. Give it back with <see cref="Return"/>.</summary>
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

    /// <summary>Appends the ids of the state's input.</summary>
    public void Encode(EncoderState state, OrdinaryText? ordinary)
    {
        var text = state.Input.Written;
        var cursor = default(AddedTokenSet.MatchCursor);
        int token;
        do
        {
            token = _added.Next(text, normalized: false, ordinary, ref cursor, out var start, out var end);
            if (start < end)
            {
                EncodeSegment(state, text[start..end], start, ordinary);
            }

            if (token >= 0)
            {
                state.Output.Add(token);
            }
        }
        while (token >= 0);
    }

    private void EncodeSegment(EncoderState state, ReadOnlySpan<byte> segment, int offset, OrdinaryText? ordinary)
    {
        var text = segment;
        var atTextStart = offset == 0;
        if (_normalizer is not null)
        {
            state.Normalized.Clear();
            if (_normalizer.TryNormalize(segment, state.Normalized))
            {
                text = state.Normalized.Written;
                atTextStart = atTextStart && !_normalizer.StripsStart(segment);
            }
        }

        if (!_added.HasNormalized)
        {
            EncodePart(state, text, atTextStart);
            return;
        }

        var filter = ordinary is not null && ordinary.Overlaps(offset, offset + segment.Length)
            ? MoveRanges(state, segment, text, offset, ordinary)
            : null;
        var cursor = default(AddedTokenSet.MatchCursor);
        int token;
        do
        {
            token = _added.Next(text, normalized: true, filter, ref cursor, out var start, out var end);
            if (start < end)
            {
                EncodePart(state, text[start..end], atTextStart && start == 0);
            }

            if (token >= 0)
            {
                state.Output.Add(token);
            }
        }
        while (token >= 0);
    }

    private void EncodePart(EncoderState state, ReadOnlySpan<byte> part, bool atTextStart)
    {
        if (part.IsEmpty)
        {
            return;
        }

        if (_cache is null || !_cache.Takes(part.Length))
        {
            _segments.Encode(part, atTextStart, state);
            return;
        }

        var hash = ByteHash.Of(part) + (atTextStart && _segments.DependsOnTextStart ? 1UL : 0);
        if (!_cache.TryAppend(part, hash, state.Output))
        {
            var first = state.Output.Count;
            _segments.Encode(part, atTextStart, state);
            _cache.Add(part, hash, state.Output.Written[first..]);
        }
    }

    /// <summary>
    /// The ordinary ranges of a segment, as ranges of its normal form. When normalization changed the text, a border lies where the
    /// normal form of everything before it ends.
    /// </summary>
    private OrdinaryText MoveRanges(EncoderState state, ReadOnlySpan<byte> segment, ReadOnlySpan<byte> text, int offset, OrdinaryText ordinary)
    {
        var moved = state.OrdinaryNormalized;
        moved.ResetFrom(ordinary);
        var changed = !segment.Overlaps(text);
        var first = ordinary.IndexOfEndBehind(offset);
        var last = ordinary.IndexOfEndBehind(offset + segment.Length);
        var border = new NormalBorder(_normalizer, state.Scratch, exact: (long)(last - first + 1) * segment.Length <= MostNormalizedBytes);
        for (var i = first; i < ordinary.Ranges.Count && ordinary.Ranges[i].Start < offset + segment.Length; i++)
        {
            var from = Math.Max(ordinary.Ranges[i].Start - offset, 0);
            var to = Math.Min(ordinary.Ranges[i].End - offset, segment.Length);
            moved.Ranges.Add(changed ? (border.Of(segment, from), Math.Min(border.Of(segment, to), text.Length)) : (from, to));
        }

        return moved;
    }
}

/// <summary>Everything one encoding needs to write to; rented from the tokenizer, used by one call at a time.</summary>
internal sealed class EncoderState(ModelState model)
{
    private const int KeptBytes = 1 << 20;

    public ModelState Model { get; } = model;

    /// <summary>The text as UTF-8.</summary>
    public Utf8Buffer Input { get; } = new();

    /// <summary>A normalized segment.</summary>
    public Utf8Buffer Normalized { get; } = new();

    /// <summary>For asking normal forms of parts of a segment.</summary>
    public Utf8Buffer Scratch { get; } = new();

    public PieceList Pieces { get; } = new();

    public IdList Output { get; } = new();

    public OrdinaryText Ordinary { get; } = new();

    public OrdinaryText OrdinaryNormalized { get; } = new();

    public void Trim()
    {
        Model.Trim();
        Input.Trim(KeptBytes);
        Normalized.Trim(KeptBytes);
        Scratch.Trim(KeptBytes);
        Pieces.Trim(KeptBytes);
        Output.Trim(KeptBytes / 4);
    }
}
