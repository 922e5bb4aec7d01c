using System.Collections;

namespace Connectors.Vllm.OutputParsing;

/// <summary>
/// Receives the events of an <see cref="OutputParser"/>: a reusable list. Read it after each push, then <see cref="Clear"/> it. Not thread-safe.
/// </summary>
public sealed class OutputEvents : IReadOnlyList<OutputEvent>
{
    private readonly List<OutputEvent> _events = [];

    /// <inheritdoc/>
    public int Count => _events.Count;

    /// <inheritdoc/>
    public OutputEvent this[int index] => _events[index];

    /// <summary>Forgets all events and keeps the memory.</summary>
    public void Clear() => _events.Clear();

    /// <summary>Enumerates without allocating.</summary>
    public List<OutputEvent>.Enumerator GetEnumerator() => _events.GetEnumerator();

    IEnumerator<OutputEvent> IEnumerable<OutputEvent>.GetEnumerator() => _events.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _events.GetEnumerator();

    internal void Add(in OutputEvent value) => _events.Add(value);
}
