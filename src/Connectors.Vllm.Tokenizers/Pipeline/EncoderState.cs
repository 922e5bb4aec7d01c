using Connectors.Vllm.Tokenizers.AddedTokens;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Models;
using Connectors.Vllm.Tokenizers.PreTokenizers;

namespace Connectors.Vllm.Tokenizers.Pipeline;

/// <summary>What an encoding leaves out, and when it may stop. The default is the whole of it.</summary>
/// <param name="MostIds">Ids that are wanted at most.</param>
/// <param name="SkipsNormalizer">The text is taken as it is.</param>
/// <param name="SkipsPreTokenizer">The text between two added tokens is one piece, unless the pre-tokenizer also rewrites it.</param>
internal readonly record struct EncodingLimits(int MostIds = int.MaxValue, bool SkipsNormalizer = false, bool SkipsPreTokenizer = false);

/// <summary>Everything one encoding needs to write to; rented from the tokenizer, used by one call at a time.</summary>
internal sealed class EncoderState(ModelState model)
{
    private const int KeptBytes = 1 << 20;

    public ModelState Model { get; } = model;

    /// <summary>What the work on this text may cost.</summary>
    public TextBudget Budget => Model.Budget;

    public EncodingLimits Limits { get; private set; }

    /// <summary>The text as UTF-8.</summary>
    public Utf8Buffer Input { get; } = new();

    /// <summary>A normalized segment.</summary>
    public Utf8Buffer Normalized { get; } = new();

    /// <summary>For asking normal forms of parts of a segment.</summary>
    public Utf8Buffer Scratch { get; } = new();

    public PieceList Pieces { get; } = new();

    public IdList Output { get; } = new();

    /// <summary>Where each id of <see cref="Output"/> stands in the input; null when nobody asks.</summary>
    public TokenSpans? Spans { get; private set; }

    public OrdinaryText Ordinary { get; } = new();

    public OrdinaryText OrdinaryNormalized { get; } = new();

    /// <summary>Begins the work on the text that was written to <see cref="Input"/>.</summary>
    /// <param name="limits">What is left out.</param>
    /// <param name="withSpans">Whether <see cref="Spans"/> are wanted.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public void Begin(EncodingLimits limits, bool withSpans, CancellationToken cancellationToken)
    {
        Limits = limits;
        Model.MostIds = limits.MostIds;
        Budget.Reset(Input.Length, cancellationToken);
        Normalized.Limit = Scratch.Limit = Pieces.Text.Limit = Budget.LongestOutput;
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
