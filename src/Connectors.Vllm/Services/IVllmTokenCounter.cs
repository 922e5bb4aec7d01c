using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>Counts tokens exactly as the served model does. Get it with <c>client.GetService&lt;IVllmTokenCounter&gt;()</c>. Thread-safe.</summary>
public interface IVllmTokenCounter
{
    /// <summary>Tokens of a text, without the model's begin and end tokens.</summary>
    /// <param name="text">The text.</param>
    /// <param name="cancellationToken">Ends the wait for the model's tokenizer.</param>
    /// <returns>The number of tokens.</returns>
    ValueTask<int> CountTokensAsync(string text, CancellationToken cancellationToken = default);

    /// <summary>Tokens of the prompt a request would send: template, tools and instructions included; an image counts as its one anchor.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="options">The request's options.</param>
    /// <param name="cancellationToken">Ends the wait for the model's tokenizer.</param>
    /// <returns>The number of tokens.</returns>
    ValueTask<int> CountTokensAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default);
}
