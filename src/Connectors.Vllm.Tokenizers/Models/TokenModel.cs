using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Models;

/// <summary>Turns one piece into token ids. Immutable and thread-safe; working memory belongs to the caller's <see cref="ModelState"/>.</summary>
internal abstract class TokenModel
{
    /// <summary>The tokens and their ids, as the file lists them.</summary>
    public abstract Vocabulary Vocabulary { get; }

    /// <summary>True when the model reads raw bytes: its pre-tokenizer ends with ByteLevel and the alphabet was undone at load time.</summary>
    public virtual bool ReadsRawBytes => false;

    /// <summary>Working memory for <see cref="Encode"/>; one per concurrent caller, reused by it.</summary>
    public virtual ModelState CreateState() => new();

    /// <summary>Appends the ids of <paramref name="piece"/>.</summary>
    /// <param name="piece">
    /// Valid UTF-8 (any bytes when <see cref="ReadsRawBytes"/>), not empty. It may end where its memory ends.
    /// </param>
    /// <param name="state">From <see cref="CreateState"/> of this model.</param>
    /// <param name="output">Where the ids go.</param>
    /// <exception cref="TokenizerException">The model has no token for a character and no unknown token either.</exception>
    public abstract void Encode(ReadOnlySpan<byte> piece, ModelState state, IdList output);
}

/// <summary>Working memory of a model; models that need any derive from it. Not thread-safe.</summary>
internal class ModelState
{
    /// <summary>Called after each text: gives back what a huge text made it allocate.</summary>
    public virtual void Trim()
    {
    }
}
