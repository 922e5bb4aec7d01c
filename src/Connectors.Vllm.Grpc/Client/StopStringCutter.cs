namespace Connectors.Vllm.Grpc;

/// <summary>
/// Finds the first stop string in a text that arrives in pieces. Text that may be the beginning of one is held back until it is known; text
/// before it is let through at once.
/// </summary>
internal sealed class StopStringCutter(IReadOnlyList<string> stops, bool keepStop)
{
    private string _held = string.Empty;

    /// <summary>The stop string that was found; null while none was.</summary>
    public string? Found { get; private set; }

    /// <summary>Takes the next piece and returns the text that is safe.</summary>
    public string Push(string text)
    {
        if (stops.Count == 0 || Found is not null)
        {
            return Found is null ? text : string.Empty;
        }

        if (text.Length == 0)
        {
            return text;
        }

        var all = _held.Length == 0 ? text : _held + text;
        var (start, stop) = (int.MaxValue, string.Empty);
        foreach (var candidate in stops)
        {
            var index = all.IndexOf(candidate, StringComparison.Ordinal);
            if (index >= 0 && index < start)
            {
                (start, stop) = (index, candidate);
            }
        }

        if (start != int.MaxValue)
        {
            Found = stop;
            _held = string.Empty;
            return all[..(keepStop ? start + stop.Length : start)];
        }

        var hold = HeldLength(all);
        _held = all[(all.Length - hold)..];
        return hold == 0 ? all : all[..(all.Length - hold)];
    }

    /// <summary>The text has ended: what was held back is text after all.</summary>
    public string Flush()
    {
        var rest = _held;
        _held = string.Empty;
        return rest;
    }

    /// <summary>Length of the longest end of <paramref name="text"/> that a stop string begins with.</summary>
    private int HeldLength(string text)
    {
        var longest = 0;
        foreach (var stop in stops)
        {
            for (var length = Math.Min(stop.Length - 1, text.Length); length > longest; length--)
            {
                if (text.AsSpan(text.Length - length).SequenceEqual(stop.AsSpan(0, length)))
                {
                    longest = length;
                    break;
                }
            }
        }

        return longest;
    }
}
