using System.Text;

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
