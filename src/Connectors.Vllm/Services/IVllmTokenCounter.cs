using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>
/// Counts tokens exactly as the served model does. Resolve it from the container, or get it with
/// <c>client.GetService&lt;IVllmTokenCounter&gt;()</c>. Thread-safe.
/// </summary>
public interface IVllmTokenCounter
{
    /// <summary>Counts the tokens of a text, without the model's beginning- and end-of-sequence tokens.</summary>
    /// <param name="text">The text.</param>
    /// <param name="cancellationToken">Ends the wait for the model's tokenizer.</param>
    /// <returns>The number of tokens.</returns>
    ValueTask<int> CountTokensAsync(string text, CancellationToken cancellationToken = default);

    /// <summary>
    /// Counts the tokens of the prompt that a request would send, with template, tools and instructions; an image counts as one token.
    /// </summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="options">The request's options.</param>
    /// <param name="cancellationToken">Ends the wait for the model's tokenizer.</param>
    /// <returns>The number of tokens.</returns>
    ValueTask<int> CountTokensAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default);
}
