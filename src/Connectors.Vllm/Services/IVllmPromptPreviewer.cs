using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>Shows what a request would send, without sending it. Get it with <c>client.GetService&lt;IVllmPromptPreviewer&gt;()</c>. Thread-safe.</summary>
public interface IVllmPromptPreviewer
{
    /// <summary>Renders and tokenizes a request.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="options">The request's options.</param>
    /// <param name="cancellationToken">Ends the wait for the model's tokenizer.</param>
    /// <returns>The prompt and what goes with it.</returns>
    ValueTask<VllmPromptPreview> PreviewPromptAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default);
}
