using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>
/// Chat completion that keeps what Semantic Kernel's own bridge loses: reasoning comes and goes as reasoning content, and several answers are several
/// contents. Functions are invoked by the chat client's pipeline. Thread-safe.
/// </summary>
public sealed class VllmChatCompletionService : IChatCompletionService
{
    private readonly IChatClient _client;

    /// <summary>Makes a service.</summary>
    /// <param name="client">The client, with whatever invokes functions already around it; not disposed by the service.</param>
    /// <param name="modelId">The model's name for Semantic Kernel's service selection; null takes the client's.</param>
    public VllmChatCompletionService(IChatClient client, string? modelId = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        _client = client;
        Attributes = ServiceAttributes.Of(client, modelId);
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, object?> Attributes { get; }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ChatMessageContent>> GetChatMessageContentsAsync(
        ChatHistory chatHistory, PromptExecutionSettings? executionSettings = null, Kernel? kernel = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(chatHistory);
        ChatOptions? options = SettingsMapper.ToChatOptions(executionSettings, kernel);
        ChatResponse response = await _client.GetResponseAsync(ContentMapper.ToMessages(chatHistory), options, cancellationToken).ConfigureAwait(false);
        int choices = Math.Min(VllmExecution.ChoiceCount(options), response.Messages.Count);

        // What came before the answers are the rounds of function calling that the pipeline went through.
        for (int i = 0; i < response.Messages.Count - choices; i++)
        {
            chatHistory.Add(ContentMapper.ToContent(response.Messages[i], response));
        }

        return [.. response.Messages.Skip(response.Messages.Count - choices).Select(message => ContentMapper.ToContent(message, response))];
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<StreamingChatMessageContent> GetStreamingChatMessageContentsAsync(
        ChatHistory chatHistory, PromptExecutionSettings? executionSettings = null, Kernel? kernel = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(chatHistory);
        var choices = new ChoiceIndex();
        await foreach (ChatResponseUpdate update in _client.GetStreamingResponseAsync(
            ContentMapper.ToMessages(chatHistory), SettingsMapper.ToChatOptions(executionSettings, kernel), cancellationToken).ConfigureAwait(false))
        {
            yield return ContentMapper.ToStreaming(update, choices.Of(update));
        }
    }
}
