namespace Connectors.Vllm.Shared;

/// <summary>
/// Finds the first stop string that becomes complete in a stream of characters (of several that end together the longest), one
/// Knuth-Morris-Pratt state per string: linear time, and exact knowledge of how many last characters may still become a match.
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

    /// <summary>Number of last characters that are the beginning of some stop string.</summary>
    public int Pending { get; private set; }

    /// <summary>Forgets what was seen.</summary>
    public void Reset()
    {
        Array.Clear(_state);
        Pending = 0;
    }

    /// <summary>Takes one character; returns the stop string that is now complete, else null.</summary>
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
