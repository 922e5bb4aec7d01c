using Connectors.Vllm.Shared;

namespace Connectors.Vllm.Grpc;

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
