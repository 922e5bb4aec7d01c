using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.TextGeneration;
using TextContent = Microsoft.SemanticKernel.TextContent;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>
/// Raw text completion: prompts are sent to the model unchanged, without a chat template. For base models and fill-in-the-middle prompts.
/// Thread-safe.
/// </summary>
public sealed class VllmTextGenerationService : ITextGenerationService
{
    private readonly VllmChatClient _client;
    private readonly string? _modelId;

    /// <summary>Creates the service.</summary>
    /// <param name="client">The client; not disposed by the service.</param>
    /// <param name="modelId">The model's name for Semantic Kernel's service selection; <see langword="null"/> uses that of the client.</param>
    public VllmTextGenerationService(VllmChatClient client, string? modelId = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        _client = client;
        _modelId = modelId;
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, object?> Attributes => ServiceAttributes.Of(_client, _modelId);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<TextContent>> GetTextContentsAsync(
        string prompt, PromptExecutionSettings? executionSettings = null, Kernel? kernel = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        var updates = new List<ChatResponseUpdate>();
        await foreach (var update in _client.CompleteStreamingAsync(prompt, SettingsMapper.ToChatOptions(executionSettings), cancellationToken)
            .ConfigureAwait(false))
        {
            updates.Add(update);
        }

        var response = updates.ToChatResponse();
        return [.. response.Messages.Select(message => new TextContent(
            message.Text, response.ModelId, updates.LastOrDefault()?.RawRepresentation, metadata: AnswerMetadata.Of(message, response)))];
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<StreamingTextContent> GetStreamingTextContentsAsync(
        string prompt, PromptExecutionSettings? executionSettings = null, Kernel? kernel = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        var choices = new ChoiceIndex();
        await foreach (var update in _client.CompleteStreamingAsync(prompt, SettingsMapper.ToChatOptions(executionSettings), cancellationToken)
            .ConfigureAwait(false))
        {
            yield return new StreamingTextContent(
                update.Text, choices.Of(update), update.ModelId, update, metadata: AnswerMetadata.Of(update));
        }
    }
}
