using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Connectors.Vllm.Tokenizers.AddedTokens;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Models;
using Connectors.Vllm.Tokenizers.PreTokenizers;
using Connectors.Vllm.Tokenizers.Scanners;

namespace Connectors.Vllm.Tokenizers.Pipeline;

/// <summary>Encodes a normalized segment without added tokens: splits it into pieces and passes them to the model. Immutable.</summary>
internal abstract class SegmentEncoder
{
    /// <summary>Appends the ids of a segment.</summary>
    /// <param name="segment">A non-empty part of one of the state's buffers (followed by slack bytes).</param>
    /// <param name="atTextStart">Whether the segment is at the start of the text.</param>
    /// <param name="state">The state of the encoding.</param>
    public abstract void Encode(ReadOnlySpan<byte> segment, bool atTextStart, EncoderState state);

    /// <summary>
    /// Appends the ids of a segment as one piece; returns false without an effect if the pre-tokenizer also rewrites text and cannot be skipped.
    /// </summary>
    public abstract bool TryEncodeWhole(ReadOnlySpan<byte> segment, EncoderState state);

    /// <summary>Whether the spans cannot be derived from the order of the ids, so that <see cref="Encode"/> fills the state's spans.</summary>
    public virtual bool CutsPieces => false;

    /// <summary>Whether a segment may have different ids at the start of a text.</summary>
    public virtual bool DependsOnTextStart => false;

    public static SegmentEncoder Create(TokenizerDefinition definition) => definition.Scanner switch
    {
        ScannerKind.None => new General(definition.PreTokenizer, definition.Model),
        ScannerKind.Gpt2 => new Scanned<Gpt2Scanner>((ByteBpeModel)definition.Model),
        ScannerKind.DigitsGpt2 => new Scanned<DigitsGpt2Scanner>((ByteBpeModel)definition.Model),
        ScannerKind.NumbersGpt2 => new Scanned<NumbersGpt2Scanner>((ByteBpeModel)definition.Model),
        ScannerKind.Cl100k => new Scanned<Cl100kScanner>((ByteBpeModel)definition.Model),
        ScannerKind.Qwen2 => new Scanned<Qwen2Scanner>((ByteBpeModel)definition.Model),
        ScannerKind.Qwen35 => new Scanned<Qwen35Scanner>((ByteBpeModel)definition.Model),
        ScannerKind.O200k => new Scanned<O200kScanner>((ByteBpeModel)definition.Model),
        ScannerKind.Tekken => new Scanned<TekkenScanner>((ByteBpeModel)definition.Model),
        ScannerKind.Kimi => new Scanned<KimiScanner>((ByteBpeModel)definition.Model),
        ScannerKind.DeepSeekV3 => new Scanned<DeepSeekV3Scanner>((ByteBpeModel)definition.Model),
        _ => throw new ArgumentOutOfRangeException(nameof(definition)),
    };

    /// <summary>A hand-written scanner with byte-level BPE, which copies no pieces.</summary>
    private sealed class Scanned<TScanner>(ByteBpeModel model) : SegmentEncoder
        where TScanner : struct, IPieceScanner
    {
        private const int Stretch = 1 << 18;

        public override void Encode(ReadOnlySpan<byte> segment, bool atTextStart, EncoderState state)
        {
            ref var text = ref MemoryMarshal.GetReference(segment);
            var end = segment.Length;
            var bpe = (BpeState)state.Model;
            var output = state.Output;
            var most = bpe.MaxIds;
            var limit = 0;
            for (var start = 0; start < end && output.Count < most;)
            {
                // Long texts are processed in portions, so that cancellation takes effect before the end.
                bpe.Budget.Observe();
                for (var stop = Math.Min((long)start + Stretch, end); start < stop && output.Count < most;)
                {
                    var next = TScanner.Next(ref text, start, end, ref limit);
                    model.EncodePiece(ref Unsafe.Add(ref text, start), next - start, bpe, output);
                    start = next;
                }
            }
        }

        public override bool TryEncodeWhole(ReadOnlySpan<byte> segment, EncoderState state)
        {
            model.Encode(segment, state.Model, state.Output);
            return true;
        }
    }

    /// <summary>Any pre-tokenizer with any model.</summary>
    private sealed class General(PreTokenizer? preTokenizer, TokenModel model) : SegmentEncoder
    {
        public override bool DependsOnTextStart => preTokenizer is not null;

        public override bool CutsPieces => preTokenizer is not null;

        public override void Encode(ReadOnlySpan<byte> segment, bool atTextStart, EncoderState state)
        {
            if (preTokenizer is null)
            {
                model.Encode(segment, state.Model, state.Output);
                return;
            }

            var pieces = state.Pieces;
            pieces.Clear();
            pieces.AtTextStart = atTextStart;
            pieces.Text.Alignment?.Clear();
            preTokenizer.PreTokenize(segment, atTextStart, pieces, state.Budget);
            var firstId = state.Output.Count;
            for (var i = 0; i < pieces.Count && state.Output.Count < state.Limits.MaxIds; i++)
            {
                var first = state.Output.Count;
                model.Encode(pieces[i], state.Model, state.Output);
                if (state.Spans is { } spans)
                {
                    model.Locate(pieces[i], state.Output.Written[first..], spans, state.Budget);
                    spans.Shift(first, pieces.Start(i));
                }
            }

            state.Spans?.Map(firstId, pieces.Text.Alignment!);
        }

        public override bool TryEncodeWhole(ReadOnlySpan<byte> segment, EncoderState state)
        {
            if (preTokenizer is not null && !model.ReadsRawBytes)
            {
                return false;
            }

            model.Encode(segment, state.Model, state.Output);
            return true;
        }
    }
}

/// <summary>
/// Caches the ids of whole segments (normalized text between added tokens), so that encoding a conversation costs only the new part. Least recently
/// used segments are evicted when the capacity is reached. Thread-safe: lookups compare the bytes outside the lock.
/// </summary>
internal sealed class SegmentCache(long capacity)
{
    /// <summary>The shortest segment that is cached; encoding shorter ones is faster than a lookup.</summary>
    public const int MinSegmentLength = 64;

    private const int Overhead = 160;

    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, LinkedListNode<CachedSegment>> _entries = [];
    private readonly LinkedList<CachedSegment> _byUse = new();
    private long _bytes;
    private long _hits;
    private long _misses;

    public bool Takes(int length) => length >= MinSegmentLength && length <= capacity / 8;

    public TokenizerCacheStatistics Statistics
    {
        get
        {
            lock (_lock)
            {
                return new TokenizerCacheStatistics(_hits, _misses, _entries.Count, _bytes);
            }
        }
    }

    /// <summary>Appends the ids of a segment; false if it is not cached.</summary>
    public bool TryAppend(ReadOnlySpan<byte> segment, ulong hash, IdList output)
    {
        CachedSegment? entry = null;
        lock (_lock)
        {
            if (_entries.TryGetValue(hash, out var node))
            {
                entry = node.Value;
                if (_byUse.First != node)
                {
                    _byUse.Remove(node);
                    _byUse.AddFirst(node);
                }
            }
        }

        var found = entry is not null && segment.SequenceEqual(entry.Segment);
        Interlocked.Increment(ref found ? ref _hits : ref _misses);
        if (found)
        {
            output.AddRange(entry!.Ids);
        }

        return found;
    }

    public void Add(ReadOnlySpan<byte> segment, ulong hash, ReadOnlySpan<int> ids)
    {
        var entry = new CachedSegment(hash, segment.ToArray(), ids.ToArray());
        if (entry.Size > capacity / 2)
        {
            return;
        }

        lock (_lock)
        {
            if (_entries.Remove(hash, out var old))
            {
                _byUse.Remove(old);
                _bytes -= old.Value.Size;
            }

            _entries[hash] = _byUse.AddFirst(entry);
            _bytes += entry.Size;
            while (_bytes > capacity && _byUse.Last is { } last)
            {
                _byUse.RemoveLast();
                _entries.Remove(last.Value.Hash);
                _bytes -= last.Value.Size;
            }
        }
    }

    private sealed record CachedSegment(ulong Hash, byte[] Segment, int[] Ids)
    {
        public long Size => Segment.Length + (4L * Ids.Length) + Overhead;
    }
}

/// <summary>The limits of an encoding. The default sets none.</summary>
/// <param name="MaxIds">The maximum number of ids that are needed.</param>
/// <param name="SkipsNormalizer">Whether the text is not normalized.</param>
/// <param name="SkipsPreTokenizer">Whether the text between two added tokens is one piece, unless the pre-tokenizer also rewrites it.</param>
internal readonly record struct EncodingLimits(int MaxIds = int.MaxValue, bool SkipsNormalizer = false, bool SkipsPreTokenizer = false);

/// <summary>The working memory of an encoding; rented from the tokenizer and used by one call at a time.</summary>
internal sealed class EncoderState(ModelState model)
{
    private const int KeptBytes = 1 << 20;

    public ModelState Model { get; } = model;

    /// <summary>The budget for this text.</summary>
    public TextBudget Budget => Model.Budget;

    public EncodingLimits Limits { get; private set; }

    /// <summary>The text as UTF-8.</summary>
    public Utf8Buffer Input { get; } = new();

    /// <summary>A normalized segment.</summary>
    public Utf8Buffer Normalized { get; } = new();

    /// <summary>A buffer for normal forms of parts of a segment.</summary>
    public Utf8Buffer Scratch { get; } = new();

    public PieceList Pieces { get; } = new();

    public IdList Output { get; } = new();

    /// <summary>The position of each id of <see cref="Output"/> in the input; null if not requested.</summary>
    public TokenSpans? Spans { get; private set; }

    public OrdinaryText Ordinary { get; } = new();

    public OrdinaryText OrdinaryNormalized { get; } = new();

    /// <summary>Begins encoding the text that was written to <see cref="Input"/>.</summary>
    /// <param name="limits">The limits of the encoding.</param>
    /// <param name="withSpans">Whether <see cref="Spans"/> are requested.</param>
    /// <param name="cancellationToken">Cancels the work.</param>
    public void Begin(EncodingLimits limits, bool withSpans, CancellationToken cancellationToken)
    {
        Limits = limits;
        Model.MaxIds = limits.MaxIds;
        Budget.Reset(Input.Length, cancellationToken);
        Normalized.Limit = Scratch.Limit = Pieces.Text.Limit = Budget.MaxOutputLength;
        Spans = withSpans ? new TokenSpans() : null;
        Normalized.Alignment = withSpans ? new Alignment() : null;
        Pieces.Text.Alignment = withSpans ? new Alignment() : null;
    }

    public void Trim()
    {
        Model.Trim();
        Budget.Reset(0, default);
        Spans = null;
        Input.Trim(KeptBytes);
        Normalized.Trim(KeptBytes);
        Scratch.Trim(KeptBytes);
        Pieces.Trim(KeptBytes);
        Output.Trim(KeptBytes / 4);
    }
}
