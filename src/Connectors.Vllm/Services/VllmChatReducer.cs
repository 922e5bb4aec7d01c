using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>
/// Counts tokens exactly as the served model does. Resolve it from the service provider, or get it with
/// <c>client.GetService&lt;IVllmTokenCounter&gt;()</c>. Thread-safe.
/// </summary>
public interface IVllmTokenCounter
{
    /// <summary>Counts the tokens of a text, without the model's beginning- and end-of-sequence tokens.</summary>
    /// <param name="text">The text.</param>
    /// <param name="cancellationToken">Cancels the wait for the model's tokenizer.</param>
    /// <returns>The number of tokens.</returns>
    ValueTask<int> CountTokensAsync(string text, CancellationToken cancellationToken = default);

    /// <summary>
    /// Counts the tokens of the prompt that a request would send, including template, tools and instructions; an image counts as one token.
    /// </summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="options">The request's options.</param>
    /// <param name="cancellationToken">Cancels the wait for the model's tokenizer.</param>
    /// <returns>The number of tokens.</returns>
    ValueTask<int> CountTokensAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default);
}

/// <summary>
/// Keeps a conversation within a number of tokens, counted with the model's own tokenizer and chat template. System messages and the last turn always
/// stay, and turns are removed as a whole, so no call loses its result. When the limit is reached, more is removed than necessary, so that the
/// following turns begin with the same messages and the server's prefix cache stays usable. Thread-safe.
/// </summary>
/// <remarks>For <c>UseChatReducer</c> of Microsoft.Extensions.AI: <c>builder.UseChatReducer(new VllmChatReducer(client, 16_000))</c>.</remarks>
public sealed class VllmChatReducer : IChatReducer
{
    private readonly IVllmTokenCounter _counter;
    private readonly int _maxTokens;
    private readonly int _targetTokens;
    private readonly ChatOptions? _options;

    /// <summary>Creates a reducer.</summary>
    /// <param name="counter">The token counter, for example the <see cref="VllmChatClient"/> itself.</param>
    /// <param name="maxTokens">The maximum number of tokens of a prompt, above 0. Leave room for the answer: prompt and answer share the
    /// model's context.</param>
    /// <param name="targetTokens">The maximum number of tokens to keep when the limit is reached, above 0 and not above
    /// <paramref name="maxTokens"/>; <see langword="null"/> uses three quarters of it. The smaller it is, the less often the beginning of the
    /// prompt changes.</param>
    /// <param name="options">The options of the requests, whose tools and instructions are part of the prompt; <see langword="null"/> counts
    /// messages only.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number of tokens is out of range.</exception>
    public VllmChatReducer(IVllmTokenCounter counter, int maxTokens, int? targetTokens = null, ChatOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(counter);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxTokens);
        _targetTokens = targetTokens ?? Math.Max(1, (int)(maxTokens * 3L / 4));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(_targetTokens, nameof(targetTokens));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_targetTokens, maxTokens, nameof(targetTokens));
        _counter = counter;
        _maxTokens = maxTokens;
        _options = options;
    }

    /// <summary>Removes the oldest turns until the conversation fits.</summary>
    /// <param name="messages">The whole conversation; enumerated once, not modified.</param>
    /// <param name="cancellationToken">Cancels the count.</param>
    /// <returns>The messages to send, in order. They include the last turn even if it alone exceeds the limit.</returns>
    public async Task<IEnumerable<ChatMessage>> ReduceAsync(IEnumerable<ChatMessage> messages, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(messages);
        List<ChatMessage> all = [.. messages];
        var total = all.Count == 0 ? 0 : await CountAsync(all, cancellationToken).ConfigureAwait(false);
        if (total <= _maxTokens)
        {
            return all;
        }

        var system = all.Where(IsSystem).ToList();
        var turns = Turns(all);
        var first = await FirstKeptAsync(system, turns, total, cancellationToken).ConfigureAwait(false);

        // The sum of the turns is an estimate, so the remaining conversation is counted as a whole.
        var kept = Without(all, turns.Take(first));
        while (first < turns.Count - 1 && await CountAsync(kept, cancellationToken).ConfigureAwait(false) > _maxTokens)
        {
            kept = Without(all, turns.Take(++first));
        }

        return kept;
    }

    /// <summary>
    /// Replays the growth of the conversation. The beginning moves only when a turn exceeds the limit, so the same turns are dropped until the next
    /// one does.
    /// </summary>
    private async ValueTask<int> FirstKeptAsync(
        List<ChatMessage> system, List<List<ChatMessage>> turns, int total, CancellationToken cancellationToken)
    {
        var overhead = await CountAsync([.. system, new ChatMessage(ChatRole.User, string.Empty)], cancellationToken).ConfigureAwait(false);
        var sizes = new int[turns.Count];
        for (var i = 0; i < turns.Count; i++)
        {
            sizes[i] = Math.Max(0, await CountAsync([.. system, .. turns[i]], cancellationToken).ConfigureAwait(false) - overhead);
        }

        // The markup of a turn was subtracted with the overhead; it is the same for each turn.
        var markup = Math.Max(0, (total - overhead - sizes.Sum() + turns.Count - 1) / turns.Count);
        var first = 0;
        var sum = overhead;
        for (var i = 0; i < turns.Count; i++)
        {
            sizes[i] += markup;
            sum += sizes[i];
            if (sum > _maxTokens)
            {
                while (sum > _targetTokens && first < i)
                {
                    sum -= sizes[first++];
                }
            }
        }

        return first;
    }

    private ValueTask<int> CountAsync(List<ChatMessage> messages, CancellationToken cancellationToken) =>
        _counter.CountTokensAsync(messages, _options, cancellationToken);

    /// <summary>
    /// Splits the conversation into turns: a user message and everything up to the next one. Messages before the first one belong to the first turn.
    /// </summary>
    private static List<List<ChatMessage>> Turns(List<ChatMessage> messages)
    {
        var turns = new List<List<ChatMessage>>();
        var begun = false;
        foreach (var message in messages.Where(static message => !IsSystem(message)))
        {
            // A user message that contains results continues its turn.
            var begins = message.Role == ChatRole.User
                && !message.Contents.Any(static content => content is ToolResultContent or ToolApprovalResponseContent);
            if (turns.Count == 0 || (begins && begun))
            {
                turns.Add([]);
            }

            begun |= begins;
            turns[^1].Add(message);
        }

        return turns;
    }

    private static List<ChatMessage> Without(List<ChatMessage> messages, IEnumerable<List<ChatMessage>> dropped)
    {
        var gone = new HashSet<ChatMessage>(dropped.SelectMany(static turn => turn), ReferenceEqualityComparer.Instance);
        return [.. messages.Where(message => !gone.Contains(message))];
    }

    private static bool IsSystem(ChatMessage message) => message.Role == ChatRole.System
        || message.Role.Value.Equals("developer", StringComparison.OrdinalIgnoreCase);
}
