using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>
/// Converts the engine's updates of one answer to chat updates. Several choices are returned one after the other (the first one as it arrives), so
/// that the updates of different messages are never mixed. Not thread-safe; one per request.
/// </summary>
internal sealed class ChatAnswer
{
    private readonly PreparedChat _chat;
    private readonly AnswerChoice[] _choices;
    private readonly long _started = TimeProvider.System.GetTimestamp();
    private int _current;
    private int _running;
    private int _promptTokens;
    private int _cachedTokens;
    private long _firstToken;
    private bool _endedEarly;

    public ChatAnswer(PreparedChat chat, VllmModelProfile profile)
    {
        _chat = chat;
        _choices = new AnswerChoice[chat.ChoiceCount];
        _running = _choices.Length;
        var createdAt = DateTimeOffset.UtcNow;
        for (var i = 0; i < _choices.Length; i++)
        {
            _choices[i] = new AnswerChoice(chat, profile, createdAt, i == 0 ? chat.RequestId : string.Create(null, $"{chat.RequestId}-{i}"));
        }
    }

    /// <summary>Whether the client has ended the answer while the server would continue.</summary>
    public bool IsComplete => _running == 0 && _endedEarly;

    public void Read(GenerationUpdate update)
    {
        if ((uint)update.Index >= (uint)_choices.Length)
        {
            return;
        }

        _promptTokens = Math.Max(_promptTokens, update.PromptTokens ?? 0);
        _cachedTokens = Math.Max(_cachedTokens, update.CachedTokens ?? 0);
        if (_firstToken == 0 && !update.TokenIds.IsEmpty)
        {
            _firstToken = TimeProvider.System.GetTimestamp();
            VllmTelemetry.FirstTokenSeconds.Record(TimeProvider.System.GetElapsedTime(_started, _firstToken).TotalSeconds);
        }

        var choice = _choices[update.Index];
        if (choice.IsDone)
        {
            return;
        }

        choice.ModelId = GetModelId(update.Model);
        choice.Read(update);
        if (choice.IsDone)
        {
            _endedEarly |= choice.EndedEarly;
            _running--;
            if (update.Index < _choices.Length - 1)
            {
                choice.Close(null);
            }
        }
    }

    public bool TryTake([NotNullWhen(true)] out ChatResponseUpdate? update)
    {
        while (true)
        {
            var choice = _choices[_current];
            if (choice.TryTake(out update))
            {
                return true;
            }

            if (!choice.IsClosed || _current == _choices.Length - 1)
            {
                return false;
            }

            _current++;
        }
    }

    /// <summary>
    /// Ends an answer that is already complete when the server fails at the token that ends it, which happens with some constraint backends
    /// (outlines).
    /// </summary>
    public bool TryEndAsComplete(VllmConstraintException exception, ILogger logger)
    {
        if (_choices.Length > 1 || !_choices[0].TryEndAsComplete())
        {
            return false;
        }

        Log.EndRefused(logger, _chat.RequestId, exception.Message);
        return true;
    }

    /// <summary>
    /// Called when the server has finished or the call was abandoned on purpose: closes the last choice with the usage of all choices.
    /// </summary>
    /// <exception cref="VllmConstraintException">An answer does not satisfy the request's constraint.</exception>
    public void End()
    {
        foreach (var choice in _choices)
        {
            choice.ThrowIfInvalid();
        }

        _choices[^1].Close(Usage());
    }

    /// <summary>Gets the received part of an answer that failed, without its text, which is in the updates. Null if no token was received.</summary>
    public CompletionResult? ToPartial() => _firstToken == 0 ? null : new()
    {
        RequestId = _chat.RequestId,
        Choices = [.. _choices.Select(static (choice, index) => new CompletionChoice { Index = index, TokenIds = choice.TokenIds })],
        PromptTokens = _promptTokens,
        CachedTokens = _cachedTokens,
        CompletionTokens = _choices.Sum(static choice => choice.TokenCount),
    };

    /// <summary>Records metrics and logs the result.</summary>
    /// <param name="abandoned">Whether the client ended it early: cancelled, or no longer read.</param>
    /// <param name="logger">The logger.</param>
    public void Report(bool abandoned, ILogger logger)
    {
        var tokens = _choices.Sum(static choice => (long)choice.TokenCount);
        if (_firstToken != 0 && tokens > 1 && TimeProvider.System.GetElapsedTime(_firstToken).TotalSeconds is double seconds and > 0)
        {
            VllmTelemetry.TokensPerSecond.Record((tokens - 1) / seconds);
        }

        VllmTelemetry.PromptTokenCount.Add(_promptTokens - _cachedTokens, new KeyValuePair<string, object?>("vllm.cached", false));
        VllmTelemetry.PromptTokenCount.Add(_cachedTokens, new KeyValuePair<string, object?>("vllm.cached", true));
        if (_choices.Sum(static choice => choice.CallsAsText) is > 0 and var calls)
        {
            Log.CallsShownAsText(logger, _chat.RequestId, calls);
        }

        if (abandoned || _endedEarly)
        {
            VllmTelemetry.AbortCount.Add(1);
            Log.RequestAbandoned(logger, _chat.RequestId);
        }
        else if (_choices[^1].IsClosed)
        {
            Log.RequestCompleted(logger, _chat.RequestId, tokens, _choices[^1].FinishReason?.Value ?? "unknown");
            foreach (var reason in _choices.Select(static choice => choice.TruncationReason).OfType<string>())
            {
                Log.AnswerCut(logger, _chat.RequestId, reason);
            }
        }
    }

    /// <summary>Gets the name of the answering model: the adapter or model of the request, or otherwise the model of the answering server.</summary>
    private string GetModelId(VllmModelInfo? answering) =>
        _chat.Request is { Model: null, LoraName: null } && answering is not null
            && (answering.ServedModelName is { Length: > 0 } name || (name = answering.ModelId).Length > 0)
            ? name
            : _chat.ModelId;

    private UsageDetails Usage()
    {
        long prompt = _promptTokens > 0 ? _promptTokens : _chat.Request.PromptIds.Length;
        long output = 0;
        long reasoning = 0;
        foreach (var choice in _choices)
        {
            output += choice.TokenCount;
            reasoning += choice.ReasoningTokenCount;
        }

        return new UsageDetails
        {
            InputTokenCount = prompt,
            OutputTokenCount = output,
            TotalTokenCount = prompt + output,
            CachedInputTokenCount = _cachedTokens,
            ReasoningTokenCount = reasoning,
        };
    }
}

/// <summary>Creates the content of a complete tool call.</summary>
internal static class ToolCallContents
{
    public static FunctionCallContent From(in OutputEvent end, string arguments)
    {
        var call = new FunctionCallContent(end.CallId!, end.Name!);
        if (end.Error is { } problem)
        {
            call.Exception = new FormatException($"The model's arguments for '{end.Name}' cannot be used: {problem}");
        }
        else
        {
            call.Arguments = Parse(arguments);
        }

        // The arguments exactly as the model wrote them: sent back unchanged, they keep the prefix of the next prompt equal to what the server has
        // cached.
        call.AdditionalProperties = new AdditionalPropertiesDictionary { [VllmResponseKeys.RawArguments] = arguments };
        return call;
    }

    /// <summary>Parses arguments as the function-invoking middleware expects them: one <see cref="JsonElement"/> per parameter.</summary>
    public static Dictionary<string, object?> Parse(string json)
    {
        var arguments = new Dictionary<string, object?>(StringComparer.Ordinal);
        if (json.Length == 0)
        {
            return arguments;
        }

        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 512 });
        var root = document.RootElement.Clone();
        foreach (var property in root.EnumerateObject())
        {
            arguments[property.Name] = property.Value.ValueKind == JsonValueKind.Null ? null : property.Value;
        }

        return arguments;
    }
}
