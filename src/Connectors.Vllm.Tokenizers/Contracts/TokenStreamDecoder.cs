using System.Text;

namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// Decodes the token ids of a generated text as they arrive: a character that is spread over several tokens is returned when its last part has
/// arrived, and no piece of text ever splits one. The cost per token does not depend on how much came before. The concatenated pieces equal the text
/// that <see cref="VllmTokenizer.Decode(ReadOnlySpan{int}, bool)"/> returns for all ids, except that a byte-fallback run that ends as invalid UTF-8
/// does not retract characters already returned. Not thread-safe; use one per generated text. Created by
/// <see cref="VllmTokenizer.CreateStreamDecoder"/>.
/// </summary>
public abstract class TokenStreamDecoder
{
    private protected TokenStreamDecoder()
    {
    }

    /// <summary>
    /// The number of UTF-16 code units returned so far. Its value before a <see cref="Push(int)"/> is where that token's text begins: tokens that
    /// carry parts of one character all begin at that character.
    /// </summary>
    public long TextLength { get; private protected set; }

    /// <summary>Whether the ids so far end inside a character, so that bytes or text are held back.</summary>
    internal abstract bool IsInsideCharacter { get; }

    /// <summary>Adds the next id and returns the text that became complete; <c>""</c> if none did. An unknown id has no text.</summary>
    /// <param name="id">The token id.</param>
    /// <returns>The text that became complete; never <see langword="null"/>.</returns>
    public abstract string Push(int id);

    /// <summary>Adds the next ids and appends the text that became complete.</summary>
    /// <param name="ids">The token ids, in order.</param>
    /// <param name="output">The builder to which the text is appended.</param>
    public void Push(ReadOnlySpan<int> ids, StringBuilder output)
    {
        ArgumentNullException.ThrowIfNull(output);
        foreach (var id in ids)
        {
            output.Append(Push(id));
        }
    }

    /// <summary>
    /// Ends the text: the remainder of an incomplete character is returned as U+FFFD, so that nothing the model generated is lost. The decoder can
    /// then be used for a new text.
    /// </summary>
    /// <returns>The remaining text, often <c>""</c>.</returns>
    public abstract string Flush();
}
