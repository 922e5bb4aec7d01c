using System.Text.Json;
using Connectors.Vllm.Tool.Terminal;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Chat;

/// <summary>A conversation: keeps the history and streams answers. Ctrl+C cancels only the current answer.</summary>
internal sealed class Conversation(IChatClient client, IAnswerWriter writer, ChatOptions options, string? system, TextWriter? statistics)
{
    private readonly List<ChatMessage> _history = system is null ? [] : [new ChatMessage(ChatRole.System, system)];

    /// <summary>All messages so far.</summary>
    public IReadOnlyList<ChatMessage> History => _history;

    public ChatOptions Options => options;

    /// <summary>Replaces the system message; an empty text removes it.</summary>
    public void SetSystem(string text)
    {
        _history.RemoveAll(static message => message.Role == ChatRole.System);
        if (text.Length > 0)
        {
            _history.Insert(0, new ChatMessage(ChatRole.System, text));
        }
    }

    /// <summary>Forgets everything but the system message.</summary>
    public void Clear() => _history.RemoveAll(static message => message.Role != ChatRole.System);

    /// <summary>
    /// Sends a message, writes the answer as it arrives, and returns the program's exit code. Failures are one line on standard error.
    /// </summary>
    public async Task<int> AskOnceAsync(string question, IReadOnlyList<FileInfo> images, CancellationToken cancellationToken)
    {
        using var answer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        void Cancel(object? sender, ConsoleCancelEventArgs pressed)
        {
            pressed.Cancel = true;
            answer.Cancel();
        }

        Console.CancelKeyPress += Cancel;
        var before = _history.Count;
        try
        {
            await AskAsync(question, images, answer.Token).ConfigureAwait(false);
            return ExitCode.Success;
        }
        catch (OperationCanceledException) when (answer.IsCancellationRequested)
        {
            writer.Abandon();
            Console.Error.WriteLine("(cancelled)");
            return ExitCode.Cancelled;
        }
        catch (Exception exception) when (exception is not OperationCanceledException && !StandardOutput.IsClosed(exception))
        {
            // A question that was never answered must not spoil the next one.
            writer.Abandon();
            _history.RemoveRange(before, _history.Count - before);
            ErrorConsole.Complain(exception);
            return ExitCode.Of(exception);
        }
        finally
        {
            Console.CancelKeyPress -= Cancel;
        }
    }

    private async Task AskAsync(string question, IReadOnlyList<FileInfo> images, CancellationToken cancellationToken)
    {
        var message = new ChatMessage(ChatRole.User, question);
        foreach (var image in images)
        {
            message.Contents.Add(await DataContent.LoadFromAsync(image.FullName, null, cancellationToken).ConfigureAwait(false));
        }

        _history.Add(message);
        List<ChatResponseUpdate> updates = [];
        var timing = new AnswerStatistics();
        try
        {
            await foreach (var update in client.GetStreamingResponseAsync(_history, options, cancellationToken).ConfigureAwait(false))
            {
                timing.Saw(update);
                updates.Add(update);
                writer.Write(update);
            }
        }
        finally
        {
            // A cancelled answer stays in the history as far as it came, as the reader saw it.
            _history.AddMessages(updates);
        }

        var response = updates.ToChatResponse();
        writer.Complete(response);
        statistics?.WriteLine(timing.Describe(response.Usage));
    }
}

/// <summary>A conversation as a body of OpenAI's chat request.</summary>
internal static class ConversationFile
{
    public static byte[] Write(IReadOnlyList<ChatMessage> messages)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("messages");
            foreach (var message in messages)
            {
                WriteMessage(writer, message);
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static void WriteMessage(Utf8JsonWriter writer, ChatMessage message)
    {
        var results = message.Contents.OfType<FunctionResultContent>().ToList();
        foreach (var result in results)
        {
            writer.WriteStartObject();
            writer.WriteString("role", "tool");
            writer.WriteString("tool_call_id", result.CallId);
            writer.WriteString("content", result.Result?.ToString() ?? result.Exception?.Message);
            writer.WriteEndObject();
        }

        if (results.Count > 0)
        {
            return;
        }

        writer.WriteStartObject();
        writer.WriteString("role", message.Role.Value);
        writer.WriteString("content", message.Text);
        Batch.OpenAIResponse.WriteCalls(writer, [.. message.Contents.OfType<FunctionCallContent>()]);
        writer.WriteEndObject();
    }
}
