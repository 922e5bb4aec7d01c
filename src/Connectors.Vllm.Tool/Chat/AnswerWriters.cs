using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Connectors.Vllm.Tool.Terminal;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Chat;

/// <summary>Shows an answer while it arrives.</summary>
internal interface IAnswerWriter
{
    /// <summary>Shows one streamed update.</summary>
    void Write(ChatResponseUpdate update);

    /// <summary>Ends the model's turn; <paramref name="response"/> is all its updates in one.</summary>
    void Complete(ChatResponse response);

    /// <summary>Called when the answer is interrupted; restores the terminal.</summary>
    void Abandon();
}

/// <summary>Every update as one JSON line, then the response as one, in Microsoft.Extensions.AI's own JSON.</summary>
internal sealed class JsonAnswerWriter(TextWriter output) : IAnswerWriter
{
    private static readonly JsonSerializerOptions OneLine = new(AIJsonUtilities.DefaultOptions) { WriteIndented = false };

    public void Write(ChatResponseUpdate update) => WriteLine(update);

    public void Complete(ChatResponse response) => WriteLine(response);

    public void Abandon()
    {
    }

    private void WriteLine<T>(T value)
    {
        output.WriteLine(JsonSerializer.Serialize(value, OneLine.GetTypeInfo(typeof(T))));
        output.Flush();
    }
}

/// <summary>The answer as text, as it arrives: reasoning dimmed, tool calls and their results marked.</summary>
/// <param name="output">Where to.</param>
/// <param name="colors">Whether it may be coloured.</param>
/// <param name="toTerminal">Whether the output is a terminal, which must not interpret control sequences of a model.</param>
internal sealed class TextAnswerWriter(TextWriter output, bool colors, bool toTerminal) : IAnswerWriter
{
    private bool _reasoning;
    private bool _startOfLine = true;
    private bool _called;
    private string? _message;

    public void Write(ChatResponseUpdate update)
    {
        if (update.MessageId is { } message && message != _message)
        {
            // The beginning of another answer, which would otherwise not be separated from the previous one.
            if (_message is not null && !_called)
            {
                Abandon();
                output.WriteLine();
            }

            (_message, _called) = (message, false);
        }

        foreach (var content in update.Contents)
        {
            switch (content)
            {
                case TextReasoningContent reasoning:
                    BeginReasoning();
                    Put(reasoning.Text);
                    break;
                case TextContent text:
                    EndReasoning();
                    Put(text.Text);
                    break;
                case FunctionCallContent call:
                    _called = true;
                    var arguments = string.Join(
                        ", ", (call.Arguments ?? new Dictionary<string, object?>()).Select(static argument => $"{argument.Key}: {argument.Value}"));
                    PutLine(string.Create(CultureInfo.InvariantCulture, $"[calls {call.Name}({arguments})]"));
                    break;
                case FunctionResultContent result:
                    _called = true;
                    PutLine(string.Create(CultureInfo.InvariantCulture, $"[returned {result.Exception?.Message ?? result.Result}]"));
                    break;
                default:
                    break;
            }
        }

        output.Flush();
    }

    public void Complete(ChatResponse response)
    {
        Abandon();
        _message = null;
    }

    public void Abandon()
    {
        EndReasoning();
        BeginLine();
        output.Flush();
    }

    private void BeginReasoning()
    {
        if (!_reasoning)
        {
            _reasoning = true;
            output.Write(colors ? Colors.Dim : "(reasoning) ");
        }
    }

    private void EndReasoning()
    {
        if (_reasoning)
        {
            _reasoning = false;
            output.Write(colors ? Colors.Reset : "");
            BeginLine();
        }
    }

    private void Put(string text)
    {
        if (text.Length > 0)
        {
            output.Write(Shown(text));
            _startOfLine = text[^1] == '\n';
        }
    }

    private void PutLine(string text)
    {
        EndReasoning();
        BeginLine();
        output.WriteLine(colors ? Colors.Cyan + Shown(text) + Colors.Reset : Shown(text));
    }

    private string Shown(string text) => toTerminal ? TerminalText.Clean(text) : text;

    private void BeginLine()
    {
        if (!_startOfLine)
        {
            output.WriteLine();
            _startOfLine = true;
        }
    }
}

/// <summary>Times one answer: time to first token, tokens per second after it, usage.</summary>
internal sealed class AnswerStatistics
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private TimeSpan? _firstToken;
    private int _pieces;

    /// <summary>Notes that an update arrived.</summary>
    public void Saw(ChatResponseUpdate update)
    {
        if (update.Contents.Any(static content => content is TextContent or TextReasoningContent or FunctionCallContent))
        {
            _firstToken ??= Stopwatch.GetElapsedTime(_start);
            _pieces++;
        }
    }

    /// <summary>One line for people.</summary>
    public string Describe(UsageDetails? usage)
    {
        var total = Stopwatch.GetElapsedTime(_start);
        var first = _firstToken ?? total;

        // An answer that came in one piece has no rate; two clock readings next to each other would make one up.
        var rate = _pieces > 1 && usage?.OutputTokenCount is > 1 and var tokens
            ? string.Create(CultureInfo.InvariantCulture, $"{(tokens - 1) / (total - first).TotalSeconds:F0} tokens/s, ")
            : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"first token {first.TotalMilliseconds:F0} ms, {rate}{usage?.InputTokenCount ?? 0} prompt tokens ({usage?.CachedInputTokenCount ?? 0} "
                + $"cached), {usage?.OutputTokenCount ?? 0} output tokens ({usage?.ReasoningTokenCount ?? 0} reasoning)");
    }
}
