using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Batch;

/// <summary>A request to continue a text unchanged, represented as chat options and handled by <see cref="CompletionChatClient"/>.</summary>
internal sealed class CompletionOptions(ChatOptions options) : ChatOptions(options)
{
    public override ChatOptions Clone() => new CompletionOptions(this);
}

/// <summary>Sends requests with <see cref="CompletionOptions"/> as raw completions, and all others on unchanged.</summary>
internal sealed class CompletionChatClient(IChatClient inner) : DelegatingChatClient(inner)
{
    private readonly VllmChatClient _vllm = inner.GetService<VllmChatClient>()
        ?? throw new ArgumentException("The client does not wrap a VllmChatClient.", nameof(inner));

    public override Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        options is CompletionOptions
            ? _vllm.CompleteStreamingAsync(string.Concat(messages.Select(static message => message.Text)), options, cancellationToken)
                .ToChatResponseAsync(cancellationToken)
            : base.GetResponseAsync(messages, options, cancellationToken);
}

/// <summary>
/// Turns a line of the input into a request. Three forms: OpenAI's batch line, a body with <c>messages</c>, and <c>{"prompt": …}</c>.
/// </summary>
internal sealed class BatchRequests(ChatOptions defaults, string? system)
{
    /// <exception cref="FormatException">The line is not a request; the message says why.</exception>
    public (ChatBatchRequest Request, string? CustomId) Read(BatchLine line)
    {
        if (line.Problem is { } problem)
        {
            throw new FormatException(problem);
        }

        if (line.IsPrompt)
        {
            return (Prompt(line, line.Text, defaults), null);
        }

        JsonElement root;
        try
        {
            using var document = JsonDocument.Parse(line.Text, new JsonDocumentOptions { MaxDepth = 256 });
            root = document.RootElement.Clone();
        }
        catch (JsonException exception)
        {
            throw new FormatException($"not JSON: {exception.Message}", exception);
        }

        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new FormatException($"a JSON {root.ValueKind}, not an object");
        }

        var customId = CustomIdOf(root);
        try
        {
            return (Read(line, root), customId);
        }
        catch (FormatException exception)
        {
            exception.Data["custom_id"] = customId;
            throw;
        }
        catch (Exception exception) when (exception is InvalidOperationException or KeyNotFoundException or ArgumentException)
        {
            throw new FormatException(exception.Message, exception) { Data = { ["custom_id"] = customId } };
        }
    }

    private ChatBatchRequest Read(BatchLine line, JsonElement root)
    {
        if (!root.TryGetProperty("body", out var body))
        {
            return ReadBody(line, root);
        }

        var method = root.TryGetProperty("method", out var given) ? given.GetString() : "POST";
        var url = root.TryGetProperty("url", out var path) ? path.GetString() : "/v1/chat/completions";
        return (method, url) switch
        {
            ("POST", "/v1/chat/completions" or "/v1/completions") => ReadBody(line, body),
            ("POST", "/v1/embeddings") => throw new FormatException("this command does not compute embeddings; use 'vllm-grpc embed'"),
            _ => throw new FormatException($"'{method} {url}' is not supported; use POST /v1/chat/completions or /v1/completions"),
        };
    }

    private ChatBatchRequest ReadBody(BatchLine line, JsonElement body)
    {
        if (body.ValueKind == JsonValueKind.Object && !body.TryGetProperty("messages", out _) && body.TryGetProperty("prompt", out var prompt))
        {
            if (prompt.ValueKind != JsonValueKind.String)
            {
                throw new FormatException($"'prompt' is a JSON {prompt.ValueKind}, not a string");
            }

            var options = OpenAIRequest.ReadOptions(body, defaults.Clone());

            // OpenAI's own body has a model beside the prompt and means a raw completion; the plain form is a question to be answered.
            return body.TryGetProperty("model", out _)
                ? new ChatBatchRequest(
                    BatchRow.IdOf(line.Index), [new ChatMessage(ChatRole.User, prompt.GetString())], new CompletionOptions(options))
                : Prompt(line, prompt.GetString()!, options);
        }

        var (messages, chatOptions) = OpenAIRequest.ReadChat(body, defaults);
        if (system is not null && messages[0].Role != ChatRole.System)
        {
            messages.Insert(0, new ChatMessage(ChatRole.System, system));
        }

        return new ChatBatchRequest(BatchRow.IdOf(line.Index), messages, chatOptions);
    }

    private ChatBatchRequest Prompt(BatchLine line, string text, ChatOptions options)
    {
        List<ChatMessage> messages = system is null ? [] : [new ChatMessage(ChatRole.System, system)];
        messages.Add(new ChatMessage(ChatRole.User, text));
        return new ChatBatchRequest(BatchRow.IdOf(line.Index), messages, options);
    }

    private static string? CustomIdOf(JsonElement root) => root.TryGetProperty("custom_id", out var id)
        ? id.ValueKind == JsonValueKind.String ? id.GetString() : id.GetRawText()
        : null;
}
