using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Samples.Chat;

/// <summary>Times one answer: time to first token, tokens per second after it, usage.</summary>
internal sealed class AnswerStatistics
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private TimeSpan? _firstToken;

    /// <summary>Notes that an update arrived.</summary>
    public void Saw(ChatResponseUpdate update)
    {
        if (_firstToken is null && update.Contents.Any(content => content is TextContent or TextReasoningContent or FunctionCallContent))
        {
            _firstToken = Stopwatch.GetElapsedTime(_start);
        }
    }

    /// <summary>One line for people.</summary>
    public string Describe(UsageDetails? usage)
    {
        var total = Stopwatch.GetElapsedTime(_start);
        var first = _firstToken ?? total;
        var rate = usage?.OutputTokenCount is > 1 and var tokens && total > first ? (tokens - 1) / (total - first).TotalSeconds : 0;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"first token {first.TotalMilliseconds:F0} ms, {rate:F0} tokens/s, {usage?.InputTokenCount ?? 0} prompt tokens ({usage?.CachedInputTokenCount ?? 0} cached), {usage?.OutputTokenCount ?? 0} output tokens ({usage?.ReasoningTokenCount ?? 0} reasoning)");
    }
}
