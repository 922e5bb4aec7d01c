using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Samples.Chat;

/// <summary>Times one answer: time to first token, tokens per second after it, usage.</summary>
internal sealed class AnswerStatistics
{
    private static readonly TimeSpan OneRead = TimeSpan.FromMilliseconds(0.5);

    private readonly long _start = Stopwatch.GetTimestamp();
    private TimeSpan? _firstToken;
    private TimeSpan _lastToken;
    private int _reads;

    /// <summary>Records that an update arrived.</summary>
    public void Saw(ChatResponseUpdate update)
    {
        if (update.Contents.Any(content => content is TextContent or TextReasoningContent or FunctionCallContent))
        {
            var now = Stopwatch.GetElapsedTime(_start);
            _firstToken ??= now;

            // Updates from a single read arrive within microseconds, which says nothing about the server.
            if (now - _lastToken > OneRead)
            {
                _reads++;
            }

            _lastToken = now;
        }
    }

    /// <summary>A human-readable summary in one line.</summary>
    public string Describe(UsageDetails? usage)
    {
        var total = Stopwatch.GetElapsedTime(_start);
        var first = _firstToken ?? total;
        var rate = usage?.OutputTokenCount is > 1 and var tokens && _reads > 2
            ? string.Create(CultureInfo.InvariantCulture, $"{(tokens - 1) / (_lastToken - first).TotalSeconds:F0} tokens/s")
            : "too short to measure tokens/s";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"first token {first.TotalMilliseconds:F0} ms, {rate}, {usage?.InputTokenCount ?? 0} prompt tokens "
                + $"({usage?.CachedInputTokenCount ?? 0} cached), {usage?.OutputTokenCount ?? 0} output tokens ({usage?.ReasoningTokenCount ?? 0} "
                + $"reasoning)");
    }
}
