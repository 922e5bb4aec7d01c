using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Samples.Chat;

/// <summary>A conversation: keeps the history, streams answers, runs the tools the model calls.</summary>
internal sealed class ChatSession
{
    // A model that keeps calling tools is stopped after so many rounds.
    private const int MaximumRounds = 8;

    private readonly IChatClient _client;
    private readonly IAnswerWriter _writer;
    private readonly TextWriter? _statistics;
    private readonly List<ChatMessage> _history = [];
    private readonly ChatOptions _options;

    public ChatSession(IChatClient client, IAnswerWriter writer, TextWriter? statistics, string? system, IEnumerable<AIFunction> tools)
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
        for (var round = 0; round < MaximumRounds; round++)
        {
            var response = await AnswerAsync(cancellationToken);
            var calls = response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>().ToList();
            if (calls.Count == 0)
            {
                return;
            }

            List<AIContent> results = [];
            foreach (var call in calls)
            {
                results.Add(await RunAsync(call, cancellationToken));
            }

            _history.Add(new ChatMessage(ChatRole.Tool, results));
        }
    }

    private async Task<ChatResponse> AnswerAsync(CancellationToken cancellationToken)
    {
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
        finally
        {
            // A cancelled answer stays in the history as far as it came, as the reader saw it.
            _history.AddMessages(updates);
        }

        var response = updates.ToChatResponse();
        _writer.Complete(response);
        _statistics?.WriteLine(statistics.Describe(response.Usage));
        return response;
    }

    private async Task<FunctionResultContent> RunAsync(FunctionCallContent call, CancellationToken cancellationToken)
    {
        FunctionResultContent result;
        if (_options.Tools!.OfType<AIFunction>().FirstOrDefault(tool => tool.Name == call.Name) is { } tool)
        {
            result = new FunctionResultContent(call.CallId, await tool.InvokeAsync(new AIFunctionArguments(call.Arguments), cancellationToken));
        }
        else
        {
            result = new FunctionResultContent(call.CallId, $"There is no tool named {call.Name}.");
        }

        _writer.WriteToolResult(result);
        return result;
    }
}
