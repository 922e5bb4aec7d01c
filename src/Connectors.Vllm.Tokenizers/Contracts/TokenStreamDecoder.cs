using System.Text;

namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// Turns the ids of one generated text into characters as they arrive: a character that is spread over several tokens comes out when its
/// last part is there, and no piece of text ever splits one. Cost per token does not depend on how much went before. The pieces joined
/// are the text <see cref="VllmTokenizer.Decode(ReadOnlySpan{int}, bool)"/> gives for all ids, except that a byte-fallback run that ends as invalid
/// UTF-8 does not take back characters already given out.
/// Not thread-safe; one per generated text. Made by <see cref="VllmTokenizer.CreateStreamDecoder"/>.
/// </summary>
public abstract class TokenStreamDecoder
{
    private protected TokenStreamDecoder()
    {
    }

    /// <summary>
    /// UTF-16 units given out so far. Its value before a <see cref="Push(int)"/> is where that token's text begins: tokens that carry
    /// parts of one character all begin at that character.
    /// </summary>
    public long TextLength { get; private protected set; }

    /// <summary>Bytes or text wait for what follows: the ids so far end inside a character.</summary>
    internal abstract bool IsInsideCharacter { get; }

    /// <summary>Takes the next id and returns the text that became complete; <c>""</c> when none did. An unknown id gives no text.</summary>
    /// <param name="id">The token id.</param>
    /// <returns>The text that became complete, never null.</returns>
    public abstract string Push(int id);

    /// <summary>Takes the next ids and appends the text that became complete.</summary>
    /// <param name="ids">The token ids, in order.</param>
    /// <param name="output">Where the text goes.</param>
    public void Push(ReadOnlySpan<int> ids, StringBuilder output)
    {
        ArgumentNullException.ThrowIfNull(output);
        foreach (var id in ids)
        {
            output.Append(Push(id));
        }
    }

    /// <summary>
    /// Ends the text: what is left of an incomplete character comes out as U+FFFD, so nothing the model said is lost. The decoder can
    /// then take a new text.
    /// </summary>
    /// <returns>The last text, often <c>""</c>.</returns>
    public abstract string Flush();
}
