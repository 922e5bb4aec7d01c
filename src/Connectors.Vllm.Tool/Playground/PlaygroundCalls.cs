using System.Buffers;
using System.Diagnostics;
using System.Text.Json;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Tokenizers;
using Connectors.Vllm.Tool.Batch;
using Connectors.Vllm.Tool.Chat;
using Connectors.Vllm.Tool.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Playground;

/// <summary>
/// What the page asks for. Requests are bodies in OpenAI's form with one member more, <c>use_tools</c>; answers are JSON, and the chat's is a stream
/// of server-sent events, one JSON object each.
/// </summary>
internal sealed class PlaygroundCalls(Connection connection)
{
    private static readonly IReadOnlyList<AITool> Tools = [new ClockTool(TimeProvider.System), new DiceTool()];

    private readonly IChatClient _chat = new ChatClientBuilder(connection.Chat).UseFunctionInvocation().Build();

    /// <summary>Gets the served model: name, protocol, limits, output format.</summary>
    public Task ModelAsync(HttpContext context) => AnswerAsync(context, async writer =>
    {
        var profile = await connection.Client.GetModelProfileAsync(context.RequestAborted).ConfigureAwait(false);
        writer.WriteString("model", profile.ModelId);
        writer.WriteString("protocol", connection.Chat.GetRequiredService<IVllmEngine>().Protocol.ToString());
        writer.WriteString("endpoint", connection.Demonstration is null ? connection.Endpoint.ToString() : "demonstration server");
    });

    /// <summary>The prompt as the model would see it, token by token.</summary>
    public Task PromptAsync(HttpContext context) => AnswerAsync(context, async writer =>
    {
        var (messages, options, _) = await ReadAsync(context).ConfigureAwait(false);
        var preview = await connection.Client.PreviewPromptAsync(messages, options, context.RequestAborted).ConfigureAwait(false);
        var profile = await connection.Client.GetModelProfileAsync(context.RequestAborted).ConfigureAwait(false);
        TokenView.Write(writer, preview, profile.Tokenizer);
        if (preview.Constraint is { } constraint)
        {
            writer.WriteString("constraint", constraint.ToString());
        }
    });

    /// <summary>Streams an answer. Closing the page, or its Cancel button, aborts the request and stops the GPU.</summary>
    public async Task ChatAsync(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream";
        try
        {
            var (messages, options, useTools) = await ReadAsync(context).ConfigureAwait(false);
            (options.AdditionalProperties ??= []).TryAdd("logprobs", 5);
            var start = Stopwatch.GetTimestamp();
            await foreach (var update in (useTools ? _chat : connection.Chat).GetStreamingResponseAsync(messages, options, context.RequestAborted)
                .ConfigureAwait(false))
            {
                await SendAsync(context, writer => WriteUpdate(writer, update, Stopwatch.GetElapsedTime(start))).ConfigureAwait(false);
            }

            await SendAsync(context, static writer => writer.WriteString("type", "end")).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
        }
        catch (Exception exception) when (IsExpected(exception))
        {
            await SendAsync(context, writer =>
            {
                writer.WriteString("type", "error");
                writer.WriteString("text", exception.Message);
            }).ConfigureAwait(false);
        }
    }

    private static async Task<(List<ChatMessage> Messages, ChatOptions Options, bool UseTools)> ReadAsync(HttpContext context)
    {
        using var document = await JsonDocument.ParseAsync(context.Request.Body, new JsonDocumentOptions { MaxDepth = 64 }, context.RequestAborted)
            .ConfigureAwait(false);
        var body = document.RootElement.Clone();
        var (messages, options) = OpenAIRequest.ReadChat(body, new ChatOptions());
        var useTools = body.TryGetProperty("use_tools", out var use) && use.ValueKind == JsonValueKind.True;
        options.AdditionalProperties?.Remove("use_tools");
        if (useTools)
        {
            options.Tools = [.. Tools];
        }

        return (messages, options, useTools);
    }

    private static void WriteUpdate(Utf8JsonWriter writer, ChatResponseUpdate update, TimeSpan elapsed)
    {
        writer.WriteString("type", "update");
        writer.WriteString("message", update.MessageId);
        writer.WriteNumber("ms", elapsed.TotalMilliseconds);
        writer.WriteString("finish", update.FinishReason?.Value);
        writer.WriteStartArray("contents");
        foreach (var content in update.Contents)
        {
            writer.WriteStartObject();
            WriteContent(writer, content);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        if (update.AdditionalProperties?.TryGetValue("logprobs", out var logprobs) == true && logprobs is JsonElement tokens)
        {
            writer.WritePropertyName("logprobs");
            tokens.WriteTo(writer);
        }
    }

    private static void WriteContent(Utf8JsonWriter writer, AIContent content)
    {
        switch (content)
        {
            case TextReasoningContent reasoning:
                writer.WriteString("reasoning", reasoning.Text);
                break;
            case TextContent text:
                writer.WriteString("text", text.Text);
                break;
            case FunctionCallContent call:
                writer.WriteString("call", call.Name);
                writer.WriteString("id", call.CallId);
                writer.WriteString("arguments", OpenAIResponse.ArgumentsOf(call));
                break;
            case FunctionResultContent result:
                writer.WriteString("result", result.Exception?.Message ?? result.Result?.ToString());
                writer.WriteString("id", result.CallId);
                break;
            case UsageContent usage:
                OpenAIResponse.WriteUsage(writer, usage.Details);
                break;
            default:
                break;
        }
    }

    private static async Task SendAsync(HttpContext context, Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        buffer.Write("data: "u8);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }

        buffer.Write("\n\n"u8);
        await context.Response.Body.WriteAsync(buffer.WrittenMemory, context.RequestAborted).ConfigureAwait(false);
        await context.Response.Body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
    }

    private static async Task AnswerAsync(HttpContext context, Func<Utf8JsonWriter, Task> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            try
            {
                await write(writer).ConfigureAwait(false);
            }
            catch (Exception exception) when (IsExpected(exception))
            {
                writer.WriteString("error", exception.Message);
                context.Response.StatusCode = StatusCodes.Status400BadRequest;
            }

            writer.WriteEndObject();
        }

        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(buffer.WrittenMemory, context.RequestAborted).ConfigureAwait(false);
    }

    private static bool IsExpected(Exception exception) => exception
        is VllmException or VllmModelException or ChatTemplateException or FormatException or JsonException or ArgumentException
            or NotSupportedException
        or InvalidOperationException or KeyNotFoundException;
}

/// <summary>A prompt token by token: id, text, whether it is a special token, whether it came from message content.</summary>
internal static class TokenView
{
    public static void Write(Utf8JsonWriter writer, VllmPromptPreview preview, VllmTokenizer tokenizer)
    {
        int[] ids = [.. preview.TokenIds];
        var starts = tokenizer.DecodeWithStarts(ids);
        var text = starts.Text;
        var content = new ContentCursor(preview.Content, preview.Text, text);
        writer.WriteStartArray("tokens");
        for (var i = 0; i < ids.Length; i++)
        {
            var start = starts.Starts[i];
            var end = i + 1 < ids.Length ? starts.Starts[i + 1] : text.Length;
            writer.WriteStartObject();
            writer.WriteNumber("id", ids[i]);
            writer.WriteString("text", text[start..end]);
            writer.WriteBoolean("special", tokenizer.IsSpecialToken(ids[i]));
            writer.WriteBoolean("content", content.Has(start));
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteString("rendered", preview.Text);
    }

    /// <summary>Walks through the content ranges; positions must not go back. Decoded text that differs from the rendered has no ranges.</summary>
    private struct ContentCursor(IReadOnlyList<Range> ranges, string rendered, string decoded)
    {
        // A begin token that the tokenizer adds comes before the rendered text.
        private readonly int _shift = decoded.EndsWith(rendered, StringComparison.Ordinal) ? decoded.Length - rendered.Length : -1;
        private int _next;

        public bool Has(int position)
        {
            if (_shift < 0)
            {
                return false;
            }

            position -= _shift;
            while (_next < ranges.Count && ranges[_next].End.Value <= position)
            {
                _next++;
            }

            return _next < ranges.Count && ranges[_next].Start.Value <= position;
        }
    }
}
