using System.Text;
using Connectors.Vllm.Shared;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Grpc;

/// <summary>Puts the pieces of a completion together.</summary>
internal sealed class CompletionCollector(string requestId)
{
    private readonly SortedDictionary<int, (StringBuilder Text, List<int> Ids, List<TokenLogprob> Logprobs)> _choices = [];
    private readonly Dictionary<int, GenerationFinish> _finishes = [];
    private IReadOnlyList<TokenLogprob>? _promptLogprobs;
    private int _promptTokens;
    private int? _cachedTokens;

    public string RequestId => requestId;

    public bool HasAny => _choices.Count > 0;

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

/// <summary>The text of one choice as it comes: decoded here from ids, or taken from the server when there is no tokenizer.</summary>
internal sealed class ChoiceText
{
    private readonly TokenStreamDecoder? _decoder;
    private readonly StopStringCutter _cutter;
    private readonly HashSet<int> _silent;
    private readonly StringBuilder _piece = new();

    public ChoiceText(GenerationRequest request, VllmModelInfo model, VllmTokenizer? tokenizer)
    {
        var sampling = request.Sampling;
        _decoder = tokenizer?.CreateStreamDecoder(sampling.SkipSpecialTokens ?? true, request.PromptIds.Span);
        _cutter = new StopStringCutter(request.StopStrings, sampling.IncludeStopString ?? false);
        _silent = sampling.IncludeStopString == true ? [] : [.. request.StopTokenIds];
        if (sampling.IgnoreEos != true)
        {
            _silent.UnionWith(model.EosTokenIds);
        }
    }

    /// <summary>The stop string that ended the text; null while none did.</summary>
    public string? StopString => _cutter.Found;

    /// <summary>The choice has ended; nothing more is expected.</summary>
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
            if (!_silent.Contains(id))
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
/// Cuts a text that arrives in pieces at the stop string that is complete first. Text that may be the beginning of one is held back until it is
/// known; text before it is let through at once. How the text is cut into pieces makes no difference.
/// </summary>
internal sealed class StopStringCutter(IReadOnlyList<string> stops, bool keepStop)
{
    private readonly StopMatcher? _matcher = stops.Count == 0 ? null : new StopMatcher(stops);
    private string _held = string.Empty;

    /// <summary>The stop string that was found; null while none was.</summary>
    public string? Found { get; private set; }

    /// <summary>Takes the next piece and returns the text that is safe.</summary>
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
                var whole = string.Concat(_held, text.AsSpan(0, i + 1));
                _held = string.Empty;
                return keepStop ? whole : whole[..^stop.Length];
            }
        }

        var all = _held + text;
        _held = all[^_matcher.Pending..];
        return all[..^_matcher.Pending];
    }

    /// <summary>The text has ended: what was held back is text after all.</summary>
    public string Flush()
    {
        var rest = _held;
        _held = string.Empty;
        return rest;
    }
}
