using System.Text;
using Connectors.Vllm.OutputParsing.Readers;
using Connectors.Vllm.Shared;

namespace Connectors.Vllm.OutputParsing.Machines;

/// <summary>
/// The last stage of every machine: cuts at stop strings, numbers and names calls, applies the tool choice, and writes the events.
/// </summary>
internal sealed class EventWriter
{
    private readonly OutputParserOptions _options;
    private readonly StopMatcher? _stops;
    private readonly StringBuilder _held = new();
    private readonly HashSet<string> _usedIds = new(StringComparer.Ordinal);
    private readonly CallIdStyle _idStyle;
    private OutputEventKind _heldKind;
    private int _callIndex;

    public EventWriter(CallIdStyle idStyle, OutputParserOptions options)
    {
        _options = options;
        _idStyle = idStyle;
        _stops = options.StopStrings.Any(stop => !string.IsNullOrEmpty(stop)) ? new StopMatcher(options.StopStrings) : null;
    }

    public List<OutputEvent> Sink { get; set; } = null!;

    public bool IsClosed { get; private set; }

    public string? MatchedStop { get; private set; }

    public int CallCount { get; private set; }

    /// <summary>Whether only markup has been written so far.</summary>
    public bool IsEmpty { get; private set; } = true;

    /// <summary>How many calls came out as text, because the request allows none.</summary>
    public int CallsAsText { get; private set; }

    /// <summary>True once reasoning or a call came out: then whitespace alone is not an answer.</summary>
    public bool HasOutput { get; private set; }

    public void Piece(OutputEventKind kind, ReadOnlySpan<char> text, string? original = null)
    {
        if (text.IsEmpty || IsClosed)
        {
            return;
        }

        if (kind == OutputEventKind.Markup)
        {
            if (_options.ReportMarkup)
            {
                FlushHeld();
                Sink.Add(OutputEvent.Piece(kind, original ?? text.ToString()));
            }

            return;
        }

        IsEmpty = false;
        HasOutput |= kind == OutputEventKind.Reasoning;
        if (_stops is null || (kind == OutputEventKind.Reasoning && !_options.StopInReasoning))
        {
            FlushHeld();
            Sink.Add(OutputEvent.Piece(kind, original ?? text.ToString()));
            return;
        }

        PieceWithStops(kind, text, original);
    }

    /// <summary>Writes one call, or what the options make of it; <paramref name="raw"/> is its markup.</summary>
    public void Call(ParsedCall call, ReadOnlySpan<char> raw)
    {
        if (IsClosed)
        {
            return;
        }

        FlushHeld();
        (HasOutput, IsEmpty) = (true, false);
        if (_options.ToolChoice.Kind == OutputToolChoiceKind.None)
        {
            // The result cannot be invoked, and nothing that the model wrote is lost.
            CallsAsText++;
            Piece(OutputEventKind.Text, raw);
            return;
        }

        var index = _callIndex++;
        var id = NewId(index, call);
        Sink.Add(OutputEvent.Call(OutputEventKind.ToolCallStart, index, id, call.Name, ""));
        Sink.Add(OutputEvent.Call(OutputEventKind.ToolCallArguments, index, id, call.Name, call.Arguments));
        Sink.Add(OutputEvent.Call(OutputEventKind.ToolCallEnd, index, id, call.Name, raw.ToString(), call.Error));
        CallCount += call.Error is null ? 1 : 0;
        IsClosed = !_options.AllowMultipleToolCalls && call.Error is null;
    }

    public void Finish()
    {
        if (!IsClosed)
        {
            FlushHeld();
        }
    }

    private void PieceWithStops(OutputEventKind kind, ReadOnlySpan<char> text, string? original)
    {
        if (_held.Length > 0 && _heldKind != kind)
        {
            FlushHeld();
        }

        for (var i = 0; i < text.Length; i++)
        {
            if (_stops!.Feed(text[i]) is not { } stop)
            {
                continue;
            }

            _held.Append(text[..(i + 1)]);
            var keep = _held.Length - (_options.IncludeStopString ? 0 : stop.Length);
            if (keep > 0)
            {
                Sink.Add(OutputEvent.Piece(kind, _held.ToString(0, keep)));
            }

            _held.Clear();
            MatchedStop = stop;
            IsClosed = true;
            return;
        }

        if (_stops!.Pending == 0 && _held.Length == 0)
        {
            Sink.Add(OutputEvent.Piece(kind, original ?? text.ToString()));
            return;
        }

        _held.Append(text);
        _heldKind = kind;
        var free = _held.Length - _stops.Pending;
        if (free > 0)
        {
            Sink.Add(OutputEvent.Piece(kind, _held.ToString(0, free)));
            _held.Remove(0, free);
        }
    }

    private void FlushHeld()
    {
        if (_held.Length > 0)
        {
            Sink.Add(OutputEvent.Piece(_heldKind, _held.ToString()));
            _held.Clear();
        }

        _stops?.Reset();
    }

    private string NewId(int index, ParsedCall call)
    {
        if (_options.CallIds is { } own)
        {
            return own(index, call.Name, call.Id);
        }

        for (var attempt = 0; ; attempt++)
        {
            var id = _idStyle.Make(_options.PriorCallCount + index + attempt, index + attempt, call.Name, attempt == 0 ? call.Id : null);
            if (_options.ReservedCallIds?.Contains(id) != true && _usedIds.Add(id))
            {
                return id;
            }
        }
    }
}
