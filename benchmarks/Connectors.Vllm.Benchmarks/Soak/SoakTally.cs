using System.Collections.Concurrent;

namespace Connectors.Vllm.Benchmarks.Soak;

/// <summary>What happened to all requests so far. Thread-safe.</summary>
internal sealed class SoakTally
{
    /// <summary>Requests without any answer are printed, the first ones.</summary>
    private const int Shown = 5;

    private readonly ConcurrentDictionary<string, int> _errors = new(StringComparer.Ordinal);
    private int _requests;
    private int _answered;
    private int _cancelled;
    private long _tokens;
    private long _lostCharacters;
    private int _unanswered;

    public int Requests => _requests;

    public int Answered => _answered;

    public int Cancelled => _cancelled;

    /// <summary>Requests that failed before an answer had begun.</summary>
    public int Unanswered => _unanswered;

    public long Tokens => _tokens;

    /// <summary>Characters that a successful answer lacked, or that an unsuccessful one held beside the truth. Must stay 0.</summary>
    public long LostCharacters => _lostCharacters;

    public IReadOnlyDictionary<string, int> Errors => _errors;

    public void Started() => Interlocked.Increment(ref _requests);

    public void CountAnswer(string received, string expected, long tokens)
    {
        Interlocked.Increment(ref _answered);
        Interlocked.Add(ref _tokens, tokens);
        if (received != expected)
        {
            Interlocked.Add(ref _lostCharacters, Math.Max(1, Math.Abs(expected.Length - received.Length)));
        }
    }

    public void CountCancellation(string received, string expected)
    {
        Interlocked.Increment(ref _cancelled);
        CheckPrefix(received, expected);
    }

    /// <summary>Counts a failure.</summary>
    /// <param name="error">What was thrown.</param>
    /// <param name="received">The text until then.</param>
    /// <param name="expected">The whole true text.</param>
    /// <param name="begun">The server had begun to answer, although no text may have come.</param>
    public void CountError(Exception error, string received, string expected, bool begun = false)
    {
        var kind = error is VllmException vllm ? $"{vllm.GetType().Name}/{vllm.StatusCode}" : error.GetType().Name;
        _errors.AddOrUpdate(kind, 1, (_, count) => count + 1);
        if (received.Length == 0 && !begun && Interlocked.Increment(ref _unanswered) <= Shown)
        {
            Console.Error.WriteLine($"unanswered: {kind}: {error.Message}");
        }

        CheckPrefix(received, expected);
    }

    private void CheckPrefix(string received, string expected)
    {
        if (!expected.StartsWith(received, StringComparison.Ordinal))
        {
            Interlocked.Add(ref _lostCharacters, received.Length);
        }
    }
}
