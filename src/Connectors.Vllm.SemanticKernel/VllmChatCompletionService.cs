using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using FunctionCallContent = Microsoft.Extensions.AI.FunctionCallContent;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>
/// Chat completion that behaves like Semantic Kernel's own connectors and keeps what its bridge to chat clients loses: reasoning is read and returned
/// as reasoning content, and several answers are returned as several contents. Functions of the kernel are invoked by the service, through the
/// kernel's filters. Thread-safe.
/// </summary>
public sealed class VllmChatCompletionService : IChatCompletionService
{
    private readonly IChatClient _client;
    private readonly string? _modelId;

    /// <summary>Creates the service.</summary>
    /// <param name="client">The client; not disposed by the service. It does not need to invoke functions, because the service does.</param>
    /// <param name="modelId">The model's name for Semantic Kernel's service selection; <see langword="null"/> uses that of the client.</param>
    public VllmChatCompletionService(IChatClient client, string? modelId = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        _client = client;
        _modelId = modelId;
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, object?> Attributes => ServiceAttributes.Of(_client, _modelId);

    /// <summary>
    /// Gets the answer to a chat history. Calls and results of functions that were invoked are added to the history, as by Semantic Kernel's own
    /// connectors.
    /// </summary>
    /// <param name="chatHistory">The conversation. Function calls and their results are added to it, but not the answer.</param>
    /// <param name="executionSettings">The settings, of any connector.</param>
    /// <param name="kernel">The kernel whose functions may be called.</param>
    /// <param name="cancellationToken">Cancels the generation, also on the server.</param>
    /// <returns>One content per answer, or the last function's result if a filter terminated function calling.</returns>
    /// <exception cref="ArgumentException">A setting or a message is invalid; the exception's message names it.</exception>
    /// <exception cref="NotSupportedException">The history contains an item that cannot be sent to a model.</exception>
    public async Task<IReadOnlyList<ChatMessageContent>> GetChatMessageContentsAsync(
        ChatHistory chatHistory, PromptExecutionSettings? executionSettings = null, Kernel? kernel = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(chatHistory);
        var options = SettingsMapper.ToChatOptions(executionSettings);
        var behavior = ToolCallBehaviors.Of(executionSettings, kernel);
        for (var round = 0; ; round++)
        {
            var choices = FunctionChoices.For(behavior, chatHistory, round, kernel, FunctionInvoker.MayNest);
            ThrowIfAmbiguous(choices, options);
            var response = await _client.GetResponseAsync(HistoryMapper.ToMessages(chatHistory), choices.Apply(options), cancellationToken)
                .ConfigureAwait(false);
            var answers = ToContents(response, chatHistory, new AnswerMapper(choices, kernel));
            if (!choices.AutoInvoke || answers.Count != 1 || !HasCalls(answers[0]))
            {
                return answers;
            }

            var invoker = new FunctionInvoker(kernel!, chatHistory, executionSettings, streaming: false);
            if (await invoker.InvokeAsync(answers[0], choices, round, cancellationToken).ConfigureAwait(false) is { } last)
            {
                return [last];
            }
        }
    }

    /// <summary>
    /// Streams the answer to a chat history. Function calls and their results are added to the history as soon as they are complete.
    /// </summary>
    /// <param name="chatHistory">The conversation. Function calls and their results are added to it, but not the answer.</param>
    /// <param name="executionSettings">The settings, of any connector.</param>
    /// <param name="kernel">The kernel whose functions may be called.</param>
    /// <param name="cancellationToken">Cancels the generation, also on the server; so does ending the enumeration early.</param>
    /// <returns>The streamed content of all rounds; several answers are distinguished by their ChoiceIndex. If a filter terminated function
    /// calling, the last function's result.</returns>
    /// <exception cref="ArgumentException">A setting or a message is invalid; the exception's message names it.</exception>
    /// <exception cref="NotSupportedException">The history contains an item that cannot be sent to a model.</exception>
    public IAsyncEnumerable<StreamingChatMessageContent> GetStreamingChatMessageContentsAsync(
        ChatHistory chatHistory, PromptExecutionSettings? executionSettings = null, Kernel? kernel = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(chatHistory);
        return StreamAsync(chatHistory, executionSettings, SettingsMapper.ToChatOptions(executionSettings), kernel, cancellationToken);
    }

    private async IAsyncEnumerable<StreamingChatMessageContent> StreamAsync(
        ChatHistory chatHistory, PromptExecutionSettings? settings, ChatOptions? options, Kernel? kernel,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var calls = 0;
        var behavior = ToolCallBehaviors.Of(settings, kernel);
        for (var round = 0; ; round++)
        {
            var choices = FunctionChoices.For(behavior, chatHistory, round, kernel, FunctionInvoker.MayNest);
            ThrowIfAmbiguous(choices, options);
            var mapper = new AnswerMapper(choices, kernel, calls);
            var updates = choices.AutoInvoke ? new List<ChatResponseUpdate>() : null;
            var stream = _client.GetStreamingResponseAsync(HistoryMapper.ToMessages(chatHistory), choices.Apply(options), cancellationToken);
            await foreach (var update in stream.ConfigureAwait(false))
            {
                updates?.Add(update);
                yield return mapper.ToStreaming(update);
            }

            if (updates is null || !updates.Exists(static update => update.Contents.Any(static content => content is FunctionCallContent)))
            {
                yield break;
            }

            calls = mapper.StreamedCalls;
            var answers = ToContents(updates.ToChatResponse(), chatHistory, new AnswerMapper(choices, kernel));
            if (answers.Count != 1 || !HasCalls(answers[0]))
            {
                yield break;
            }

            var invoker = new FunctionInvoker(kernel!, chatHistory, settings, streaming: true);
            if (await invoker.InvokeAsync(answers[0], choices, round, cancellationToken).ConfigureAwait(false) is { } last)
            {
                yield return new StreamingChatMessageContent(last.Role, last.Content, modelId: answers[0].ModelId);
                yield break;
            }
        }
    }

    /// <summary>The answers of a response. Rounds that the client's own pipeline went through go into the history.</summary>
    private static List<ChatMessageContent> ToContents(ChatResponse response, ChatHistory history, AnswerMapper mapper)
    {
        List<ChatMessageContent> contents = [.. response.Messages.Select(message => mapper.ToContent(message, response))];
        var rounds = contents.FindLastIndex(content => content.Role == AuthorRole.Tool) + 1;
        if (rounds > 0 && rounds == contents.Count)
        {
            rounds--;
        }

        history.AddRange(contents.Take(rounds));
        return contents.GetRange(rounds, contents.Count - rounds);
    }

    private static bool HasCalls(ChatMessageContent content) => Microsoft.SemanticKernel.FunctionCallContent.GetFunctionCalls(content).Any();

    /// <exception cref="ArgumentException">Functions are to be invoked for several answers at once.</exception>
    private static void ThrowIfAmbiguous(FunctionChoices choices, ChatOptions? options)
    {
        if (choices.AutoInvoke && options?.AdditionalProperties?.TryGetValue("n", out var count) == true && count is > 1)
        {
            throw new ArgumentException(
                "Functions can only be invoked automatically for one answer: set ResultsPerPrompt (n) to 1, or autoInvoke: false in the "
                    + "FunctionChoiceBehavior.");
        }
    }
}
