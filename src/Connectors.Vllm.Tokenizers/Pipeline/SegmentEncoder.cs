using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Connectors.Vllm.Tokenizers.Models;
using Connectors.Vllm.Tokenizers.PreTokenizers;
using Connectors.Vllm.Tokenizers.Scanners;

namespace Connectors.Vllm.Tokenizers.Pipeline;

/// <summary>From a normalized segment without added tokens to ids: cuts it into pieces and gives them to the model. Immutable.</summary>
internal abstract class SegmentEncoder
{
    /// <summary>Appends the ids of a segment.</summary>
    /// <param name="segment">A part of one of the state's buffers (slack bytes follow it), not empty.</param>
    /// <param name="atTextStart">The segment begins where the text begins.</param>
    /// <param name="state">Where to work.</param>
    public abstract void Encode(ReadOnlySpan<byte> segment, bool atTextStart, EncoderState state);

    /// <summary>
    /// Appends the ids of a segment taken as one piece; false, with nothing done, when the pre-tokenizer also rewrites text, so that the model
    /// can't do without it.
    /// </summary>
    public abstract bool TryEncodeWhole(ReadOnlySpan<byte> segment, EncoderState state);

    /// <summary>True when ids do not simply follow each other in the segment; <see cref="Encode"/> then fills the state's spans.</summary>
    public virtual bool CutsPieces => false;

    /// <summary>True when the same segment may have other ids at the start of a text.</summary>
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

    /// <summary>A hand-written scanner in front of byte-level BPE: no piece is copied.</summary>
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
            var most = bpe.MostIds;
            var limit = 0;
            for (var start = 0; start < end && output.Count < most;)
            {
                // Long texts are looked at in stretches, so that a caller who cancels need not wait for the end.
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

    /// <summary>Any pre-tokenizer, any model.</summary>
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
            for (var i = 0; i < pieces.Count && state.Output.Count < state.Limits.MostIds; i++)
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
