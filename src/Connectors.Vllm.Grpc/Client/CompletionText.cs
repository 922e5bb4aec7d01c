using System.Text;
using Connectors.Vllm.Shared;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Grpc;

/// <summary>Collects the updates of a completion.</summary>
internal sealed class CompletionCollector(string requestId)
{
    private readonly SortedDictionary<int, (StringBuilder Text, List<int> Ids, List<TokenLogprob> Logprobs)> _choices = [];
    private readonly Dictionary<int, GenerationFinish> _finishes = [];
    private IReadOnlyList<TokenLogprob>? _promptLogprobs;
    private int _promptTokens;
    private int? _cachedTokens;

    public string RequestId => requestId;

    public bool HasUpdates => _choices.Count > 0;

    public void Add(GenerationUpdate update)
    {
        if (!_choices.TryGetValue(update.Index, out var choice))
        {
            _choices.Add(update.Index, choice = (new StringBuilder(), [], []));
        }

        choice.Text.Append(update.Text);
        choice.Ids.AddRange(update.TokenIds.Span);
        choice.Logprobs.AddRange(update.Logprobs ?? []);
        _promptLogprobs ??= update.PromptLogprobs;
        _promptTokens = Math.Max(_promptTokens, update.PromptTokens ?? 0);
        _cachedTokens = update.CachedTokens is { } cached ? Math.Max(_cachedTokens ?? 0, cached) : _cachedTokens;
        if (update.Finish is { } finish)
        {
            _finishes[update.Index] = finish;
        }
    }

    public CompletionResult ToResult() => new()
    {
        RequestId = requestId,
        PromptTokens = _promptTokens,
        CachedTokens = _cachedTokens,
        CompletionTokens = _choices.Values.Sum(static choice => choice.Ids.Count),
        PromptLogprobs = _promptLogprobs,
        Choices = [.. _choices.Select(pair => new CompletionChoice
        {
            Index = pair.Key,
            Text = pair.Value.Text.ToString(),
            TokenIds = pair.Value.Ids,
            Logprobs = pair.Value.Logprobs.Count > 0 ? pair.Value.Logprobs : null,
            Finish = _finishes.GetValueOrDefault(pair.Key),
        })],
    };
}

/// <summary>The text of one choice as it arrives: decoded from the ids, or the server's text if there is no tokenizer.</summary>
internal sealed class ChoiceText
{
    private readonly TokenStreamDecoder? _decoder;
    private readonly StopStringCutter _cutter;
    private readonly HashSet<int> _hiddenIds;
    private readonly StringBuilder _piece = new();

    public ChoiceText(GenerationRequest request, VllmModelInfo model, VllmTokenizer? tokenizer)
    {
        var sampling = request.Sampling;
        _decoder = tokenizer?.CreateStreamDecoder(sampling.SkipSpecialTokens ?? true, request.PromptIds.Span);
        _cutter = new StopStringCutter(request.StopStrings, sampling.IncludeStopString ?? false);
        _hiddenIds = sampling.IncludeStopString == true ? [] : [.. request.StopTokenIds];
        if (sampling.IgnoreEos != true)
        {
            _hiddenIds.UnionWith(model.EosTokenIds);
        }
    }

    /// <summary>The stop string that ended the text; null if none has.</summary>
    public string? StopString => _cutter.Found;

    /// <summary>Whether the choice has ended.</summary>
    public bool IsFinished { get; private set; }

    public string Push(GenerationUpdate update)
    {
        if (_decoder is null)
        {
            return _cutter.Push(update.Text);
        }

        _piece.Clear();
        foreach (var id in update.TokenIds.Span)
        {
            if (!_hiddenIds.Contains(id))
            {
                _piece.Append(_decoder.Push(id));
            }
        }

        return _cutter.Push(_piece.ToString());
    }

    public string Finish()
    {
        IsFinished = true;
        return _cutter.Push(_decoder?.Flush() ?? string.Empty) + _cutter.Flush();
    }
}

/// <summary>
/// Ends a streamed text at the first complete stop string. Text that may be the beginning of a stop string is held back until that is decided; text
/// before it is returned at once. The result does not depend on how the text is split into pieces.
/// </summary>
internal sealed class StopStringCutter(IReadOnlyList<string> stops, bool keepStop)
{
    private readonly StopMatcher? _matcher = stops.Count == 0 ? null : new StopMatcher(stops);
    private string _held = string.Empty;

    /// <summary>The stop string that was found; null if none has been.</summary>
    public string? Found { get; private set; }

    /// <summary>Adds the next piece and returns the text that can no longer become part of a stop string.</summary>
    public string Push(string text)
    {
        if (_matcher is null || text.Length == 0)
        {
            return text;
        }

        if (Found is not null)
        {
            return string.Empty;
        }

        for (var i = 0; i < text.Length; i++)
        {
            if (_matcher.Feed(text[i]) is { } stop)
            {
                Found = stop;
                var complete = string.Concat(_held, text.AsSpan(0, i + 1));
                _held = string.Empty;
                return keepStop ? complete : complete[..^stop.Length];
            }
        }

        var all = _held + text;
        _held = all[^_matcher.Pending..];
        return all[..^_matcher.Pending];
    }

    /// <summary>Ends the text and returns what was held back.</summary>
    public string Flush()
    {
        var rest = _held;
        _held = string.Empty;
        return rest;
    }
}
