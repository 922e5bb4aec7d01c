using System.Collections.Concurrent;

namespace Connectors.Vllm.Benchmarks.Soak;

/// <summary>What happened to all requests so far. Thread-safe.</summary>
internal sealed class SoakTally
{
    private readonly ConcurrentDictionary<string, int> _errors = new(StringComparer.Ordinal);
    private int _requests;
    private int _answered;
    private int _cancelled;
    private long _tokens;
    private long _lostCharacters;

    public int Requests => _requests;

    public int Answered => _answered;

    public int Cancelled => _cancelled;

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

    public void CountError(Exception error, string received, string expected)
    {
        var kind = error is VllmException vllm ? $"{vllm.GetType().Name}/{vllm.StatusCode}" : error.GetType().Name;
        _errors.AddOrUpdate(kind, 1, (_, count) => count + 1);
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
