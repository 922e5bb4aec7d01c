using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using FunctionResultContent = Microsoft.Extensions.AI.FunctionResultContent;

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

    /// <summary>Answers the history. Rounds of function calling that the pipeline went through are added to it, as Semantic Kernel's own connectors do.</summary>
    /// <param name="chatHistory">The conversation; gets the rounds of function calling, but not the answer.</param>
    /// <param name="executionSettings">How to generate; any connector's settings.</param>
    /// <param name="kernel">The kernel whose functions may be called.</param>
    /// <param name="cancellationToken">Stops the generation, on the server too.</param>
    /// <returns>One content per answer. When a filter ended the function calling, the last function's result.</returns>
    /// <exception cref="NotSupportedException">The history holds a content that cannot be sent to a model.</exception>
    public async Task<IReadOnlyList<ChatMessageContent>> GetChatMessageContentsAsync(
        ChatHistory chatHistory, PromptExecutionSettings? executionSettings = null, Kernel? kernel = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(chatHistory);
        var response = await _client.GetResponseAsync(
            HistoryMapper.ToMessages(chatHistory), SettingsMapper.ToChatOptions(executionSettings, kernel), cancellationToken).ConfigureAwait(false);

        var answers = new AnswerMapper(kernel);
        List<ChatMessageContent> contents = [.. response.Messages.Select(message => answers.ToContent(message, response))];
        var rounds = contents.FindLastIndex(content => content.Role == AuthorRole.Tool) + 1;
        if (rounds > 0 && rounds == contents.Count)
        {
            rounds--;
        }

        chatHistory.AddRange(contents.Take(rounds));
        return contents.GetRange(rounds, contents.Count - rounds);
    }

    /// <summary>Streams the answer. Rounds of function calling are added to the history as soon as they are complete.</summary>
    /// <param name="chatHistory">The conversation; gets the rounds of function calling, but not the answer.</param>
    /// <param name="executionSettings">How to generate; any connector's settings.</param>
    /// <param name="kernel">The kernel whose functions may be called.</param>
    /// <param name="cancellationToken">Stops the generation, on the server too; so does leaving the loop early.</param>
    /// <returns>The pieces of all rounds; several answers are told apart by their ChoiceIndex.</returns>
    /// <exception cref="NotSupportedException">The history holds a content that cannot be sent to a model.</exception>
    public IAsyncEnumerable<StreamingChatMessageContent> GetStreamingChatMessageContentsAsync(
        ChatHistory chatHistory, PromptExecutionSettings? executionSettings = null, Kernel? kernel = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(chatHistory);
        return StreamAsync(chatHistory, SettingsMapper.ToChatOptions(executionSettings, kernel), kernel, cancellationToken);
    }

    private async IAsyncEnumerable<StreamingChatMessageContent> StreamAsync(
        ChatHistory chatHistory, ChatOptions? options, Kernel? kernel, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var answers = new AnswerMapper(kernel);
        List<ChatResponseUpdate>? round = options?.Tools is { Count: > 0 } ? [] : null;
        await foreach (var update in _client.GetStreamingResponseAsync(HistoryMapper.ToMessages(chatHistory), options, cancellationToken).ConfigureAwait(false))
        {
            round?.Add(update);
            if (round is not null && update.Contents.Any(content => content is FunctionResultContent))
            {
                var done = round.ToChatResponse();
                chatHistory.AddRange(done.Messages.Select(message => answers.ToContent(message, done)));
                round.Clear();
            }

            yield return answers.ToStreaming(update);
        }
    }
}
