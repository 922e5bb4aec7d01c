using System.Collections.Concurrent;
using System.Text;

namespace Connectors.Vllm.Constraints;

/// <summary>
/// Regular expressions for text up to a marker and for text without one. They use only what every grammar compiler has (classes, alternatives,
/// repetition), not look-around or laziness: the markers' automaton, with its states eliminated one by one.
/// </summary>
internal static class MarkerPattern
{
    private const int Accept = -1;
    private const int Dead = -2;
    private const int MaxKnown = 1_000;
    private static readonly ConcurrentDictionary<string, string> Known = new(StringComparer.Ordinal);

    /// <summary>Text that ends with the first of the ends, and has none of the excludes in it.</summary>
    public static string UpTo(IReadOnlyCollection<string> ends, IReadOnlyCollection<string> excludes) =>
        Cached(ends, excludes, mayEndAnywhere: false);

    /// <summary>Text that has none of the markers in it, perhaps empty.</summary>
    public static string Without(IReadOnlyCollection<string> markers) => markers.Count == 0 ? "(.|\\n)*" : Cached([], markers, mayEndAnywhere: true);

    /// <summary>Gets the regular expression for a literal character.</summary>
    public static string Escape(string text)
    {
        var escaped = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            escaped.Append(rune.Value switch
            {
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                < 128 when "\\.+*?()|[]{}^$/-".Contains((char)rune.Value, StringComparison.Ordinal) => "\\" + rune,
                _ => rune.ToString(),
            });
        }

        return escaped.ToString();
    }

    /// <summary>The markers are a format's, so that there are few different ones; a bound keeps it so.</summary>
    private static string Cached(IReadOnlyCollection<string> ends, IReadOnlyCollection<string> excludes, bool mayEndAnywhere)
    {
        var key = $"{mayEndAnywhere}\0{string.Join('\0', ends)}\0\0{string.Join('\0', excludes)}";
        if (Known.TryGetValue(key, out var pattern))
        {
            return pattern;
        }

        pattern = Eliminate(ends, excludes, mayEndAnywhere);
        if (Known.Count < MaxKnown)
        {
            Known.TryAdd(key, pattern);
        }

        return pattern;
    }

    private static string Eliminate(IReadOnlyCollection<string> ends, IReadOnlyCollection<string> excludes, bool mayEndAnywhere)
    {
        var automaton = new MarkerAutomaton(ends, excludes, Accept, Dead);
        var edges = new Dictionary<(int From, int To), Expression>();
        for (var state = 0; state < automaton.Count; state++)
        {
            if (automaton.IsLive(state))
            {
                AddEdges(automaton, state, edges);
                if (mayEndAnywhere)
                {
                    edges[(state, Accept)] = Expression.Empty;
                }
            }
        }

        // Deep states first: they are reached from one state only, so that the expressions grow with the length of the markers and not faster.
        foreach (var state in automaton.ByDepth())
        {
            var loop = edges.TryGetValue((state, state), out var again) ? again.Star() : Expression.Empty;
            var outgoing = edges.Where(edge => edge.Key.From == state && edge.Key.To != state).ToList();
            var incoming = edges.Where(edge => edge.Key.To == state && edge.Key.From != state).Select(edge => (edge.Key.From, edge.Value)).ToList();
            foreach (var (from, into) in incoming)
            {
                foreach (var (key, value) in outgoing)
                {
                    var path = into.Then(loop).Then(value);
                    edges[(from, key.To)] = edges.TryGetValue((from, key.To), out var known) ? known.Or(path) : path;
                }
            }

            foreach (var key in edges.Keys.Where(key => key.From == state || key.To == state).ToList())
            {
                edges.Remove(key);
            }
        }

        var start = edges.TryGetValue((0, 0), out var restart) ? restart.Star() : Expression.Empty;
        return start.Then(edges[(0, Accept)]).Text;
    }

    private static void AddEdges(MarkerAutomaton automaton, int state, Dictionary<(int From, int To), Expression> edges)
    {
        var characters = new SortedDictionary<int, StringBuilder>();
        var elsewhere = new StringBuilder();
        foreach (var character in automaton.Characters)
        {
            var next = automaton.Next(state, character);
            if (next != 0)
            {
                elsewhere.Append(Escape(character));
                if (next != Dead)
                {
                    (characters.TryGetValue(next, out var known) ? known : characters[next] = new StringBuilder()).Append(Escape(character));
                }
            }
        }

        if (automaton.Next(state, "") == 0)
        {
            edges[(state, 0)] = new Expression($"[^{elsewhere}]");
        }

        foreach (var (next, label) in characters)
        {
            var text = label.ToString();
            var isOne = text.Length == 1 || (text.Length == 2 && (text[0] == '\\' || char.IsSurrogate(text[0])));
            edges[(state, next)] = new Expression(isOne ? text : $"[{text}]");
        }
    }

    /// <summary>A regular expression, with what is needed to put brackets where they are needed only.</summary>
    private readonly record struct Expression(string Text, bool IsChoice = false, bool IsSequence = false)
    {
        public static readonly Expression Empty = new("");

        public Expression Then(Expression next) => Text.Length == 0 ? next
            : next.Text.Length == 0 ? this
            : new Expression(Part(this) + Part(next), IsSequence: true);

        public Expression Or(Expression other) => Text == other.Text ? this
            : Text.Length == 0 ? new Expression($"({other.Text})?")
            : other.Text.Length == 0 ? new Expression($"({Text})?")
            : new Expression($"{Text}|{other.Text}", IsChoice: true);

        public Expression Star() => Text.Length == 0 ? this : new Expression(IsChoice || IsSequence ? $"({Text})*" : $"{Text}*", IsSequence: true);

        private static string Part(Expression expression) => expression.IsChoice ? $"({expression.Text})" : expression.Text;
    }
}

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
