namespace Connectors.Vllm.Shared;

/// <summary>
/// Finds the first stop string that is completed in a stream of characters; of several that end at the same character, the longest. Uses one
/// Knuth-Morris-Pratt state per string, which takes linear time and yields the exact number of trailing characters that may still become a match.
/// </summary>
internal sealed class StopMatcher
{
    private readonly string[] _stops;
    private readonly int[][] _failure;
    private readonly int[] _state;

    public StopMatcher(IReadOnlyList<string> stops)
    {
        _stops = stops.Where(stop => !string.IsNullOrEmpty(stop)).Distinct(StringComparer.Ordinal).OrderByDescending(stop => stop.Length).ToArray();
        _failure = Array.ConvertAll(_stops, Failure);
        _state = new int[_stops.Length];
    }

    /// <summary>The number of trailing characters that are the beginning of a stop string.</summary>
    public int Pending { get; private set; }

    /// <summary>Resets the state to that of an empty text.</summary>
    public void Reset()
    {
        Array.Clear(_state);
        Pending = 0;
    }

    /// <summary>Adds a character and returns the stop string that it completes; otherwise null.</summary>
    public string? Feed(char c)
    {
        var pending = 0;
        string? match = null;
        for (var i = 0; i < _stops.Length; i++)
        {
            var stop = _stops[i];
            var length = _state[i];
            while (length > 0 && stop[length] != c)
            {
                length = _failure[i][length - 1];
            }

            if (stop[length] == c)
            {
                length++;
            }

            if (length == stop.Length)
            {
                match ??= stop;
                length = _failure[i][length - 1];
            }

            _state[i] = length;
            pending = Math.Max(pending, length);
        }

        Pending = pending;
        return match;
    }

    private static int[] Failure(string stop)
    {
        var failure = new int[stop.Length];
        for (int i = 1, length = 0; i < stop.Length; i++)
        {
            while (length > 0 && stop[length] != stop[i])
            {
                length = failure[length - 1];
            }

            failure[i] = stop[length] == stop[i] ? ++length : length;
        }

        return failure;
    }
}
