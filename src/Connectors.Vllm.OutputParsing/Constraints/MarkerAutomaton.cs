namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>The automaton that finds any of some markers in a text (Aho and Corasick's). State 0 is the start.</summary>
internal sealed class MarkerAutomaton
{
    private readonly List<State> _states = [new("")];
    private readonly List<string> _beginnings = [];
    private readonly int _dead;

    /// <param name="ends">Markers that are looked for.</param>
    /// <param name="excludes">Markers that must not come.</param>
    /// <param name="accept">What <see cref="Next"/> answers where an end is complete.</param>
    /// <param name="dead">What it answers where an exclude is.</param>
    public MarkerAutomaton(IReadOnlyCollection<string> ends, IReadOnlyCollection<string> excludes, int accept, int dead)
    {
        _dead = dead;
        foreach (var (marker, target) in ends.Select(end => (end, accept)).Concat(excludes.Except(ends).Select(exclude => (exclude, dead))))
        {
            var text = "";
            foreach (var rune in marker.EnumerateRunes())
            {
                text += rune;
                if (!_states.Exists(state => state.Text == text))
                {
                    _states.Add(new State(text));
                }
            }

            // An end may begin with an exclude: then the exclude may come, but only as the beginning of that end.
            if (target == accept || !ends.Any(end => end.StartsWith(marker, StringComparison.Ordinal)))
            {
                Find(marker).Target = target;
            }
            else
            {
                _beginnings.Add(marker);
            }
        }

        // A state whose text ends in a marker is that marker.
        foreach (var state in _states)
        {
            state.Target ??= _states.Where(other => other.Text.Length < state.Text.Length && other.Target is not null
                && state.Text.EndsWith(other.Text, StringComparison.Ordinal))
                .Select(other => other.Target).Order().LastOrDefault();
        }

        Characters =
            [.. _states.SelectMany(state => state.Text.EnumerateRunes()).Select(rune => rune.ToString()).Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal)];
    }

    public int Count => _states.Count;

    /// <summary>The characters that lead anywhere but back to the start.</summary>
    public IReadOnlyList<string> Characters { get; }

    public bool IsLive(int state) => _states[state].Target is null;

    /// <summary>The live states but the start, those with the longest text first.</summary>
    public IEnumerable<int> ByDepth() => Enumerable.Range(1, _states.Count - 1).Where(IsLive).OrderByDescending(state => _states[state].Text.Length);

    /// <summary>
    /// The state after a character: the longest beginning of a marker that the text now ends in. An empty character stands for all others.
    /// </summary>
    public int Next(int state, string character)
    {
        var text = _states[state].Text + character;
        if (character.Length == 0 || _beginnings.Exists(beginning => _states[state].Text.StartsWith(beginning, StringComparison.Ordinal)))
        {
            var on = character.Length == 0 ? -1 : _states.FindIndex(other => other.Text == text);
            return on >= 0 ? _states[on].Target ?? on
                : _beginnings.Exists(beginning => _states[state].Text.StartsWith(beginning, StringComparison.Ordinal)) ? _dead
                : 0;
        }

        for (var i = 0; i < text.Length; i++)
        {
            var at = _states.FindIndex(other => text.AsSpan(i).SequenceEqual(other.Text));
            if (at > 0)
            {
                return _states[at].Target ?? at;
            }
        }

        return 0;
    }

    private State Find(string text) => _states.Find(state => state.Text == text)!;

    private sealed class State(string text)
    {
        public string Text { get; } = text;

        public int? Target { get; set; }
    }
}
