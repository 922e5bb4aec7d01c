namespace Connectors.Vllm.Tokenizers;

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
