using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Samples.Chat;

/// <summary>A conversation: keeps the history and streams answers. The client runs the tools that the model calls.</summary>
internal sealed class ChatSession
{
    private readonly IChatClient _client;
    private readonly IAnswerWriter _writer;
    private readonly TextWriter? _statistics;
    private readonly List<ChatMessage> _history = [];
    private readonly ChatOptions _options;

    public ChatSession(IChatClient client, IAnswerWriter writer, TextWriter? statistics, string? system, IEnumerable<AITool> tools)
    {
        _client = client;
        _writer = writer;
        _statistics = statistics;
        _options = new ChatOptions { Tools = [.. tools] };
        if (system is not null)
        {
            _history.Add(new ChatMessage(ChatRole.System, system));
        }
    }

    /// <summary>Answers one question; tool calls are run and fed back until the model answers in text.</summary>
    public async Task AskAsync(string question, CancellationToken cancellationToken)
    {
        _history.Add(new ChatMessage(ChatRole.User, question));
        List<ChatResponseUpdate> updates = [];
        AnswerStatistics statistics = new();
        try
        {
            await foreach (var update in _client.GetStreamingResponseAsync(_history, _options, cancellationToken))
            {
                statistics.Saw(update);
                updates.Add(update);
                _writer.Write(update);
            }
        }
        catch
        {
            _writer.Abandon();
            throw;
        }
        finally
        {
            // A cancelled answer stays in the history as far as it was received and shown.
            _history.AddMessages(updates);
        }

        var response = updates.ToChatResponse();
        _writer.Complete(response);
        _statistics?.WriteLine(statistics.Describe(response.Usage));
    }
}
