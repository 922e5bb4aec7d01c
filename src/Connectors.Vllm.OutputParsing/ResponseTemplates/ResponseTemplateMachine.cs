using System.Text.Json.Nodes;
using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.ResponseTemplates;

/// <summary>
/// Runs a <see cref="TemplateDefinition"/>: outside of regions every opener is watched, inside of one only its own closers. Text and thoughts stream;
/// calls are read when their region closes, and what cannot be read comes out as text.
/// </summary>
internal sealed class ResponseTemplateMachine : OutputMachine
{
    private const int MaxHold = 512;

    private readonly EventWriter _writer;
    private readonly TemplateDefinition _template;
    private readonly ReaderContext _context;
    private readonly OutputParserOptions _options;
    private readonly TextBuffer _buffer = new();
    private TemplateField? _region;
    private readonly HashSet<TemplateField> _written = [];
    private JsonObject _captures = [];
    private bool _silent;
    private bool _ended;
    private bool _textWritten;
    private bool _separate = true;
    private int _openLength;
    private int _scan;

    public ResponseTemplateMachine(MachineContext context, TemplateDefinition template)
    {
        (_writer, _options, _template) = (context.Writer, context.Options, template);
        _context = new ReaderContext(_options);
        FeedPrompt();
    }

    public override bool IsReasoning => _region?.Streams == OutputEventKind.Reasoning;

    private OutputEventKind? Kind => _region is null ? _template.Implicit is null ? OutputEventKind.Text : _template.Implicit.Streams ?? OutputEventKind.Text : _region.Streams;

    public override void Push(ReadOnlySpan<char> text, string? original, int tokenId)
    {
        var leftover = LeftoverSpecial(text, tokenId);
        _buffer.Append(text[..^leftover]);
        Run(final: false);
        _writer.Piece(OutputEventKind.Markup, text[^leftover..]);
    }

    /// <summary>Length of the special token that the piece ends with and no field's marker holds; 0 when there is none.</summary>
    private int LeftoverSpecial(ReadOnlySpan<char> text, int tokenId) =>
        tokenId >= 0 && _options.SpecialTokens?.TryGetValue(tokenId, out var special) == true && text.EndsWith(special, StringComparison.Ordinal) && !IsMarker(special)
            ? special.Length
            : 0;

    public override void Finish(bool truncated)
    {
        Run(final: true);
        foreach (var field in _template.Fields.Where(field => field.Streams is not null && !_written.Contains(field)))
        {
            if (!truncated && _template.Defaults.TryGetValue(field.Name, out var text))
            {
                _writer.Piece(field.Streams!.Value, text);
            }
        }
    }

    private bool IsMarker(string text) => _template.Fields.SelectMany(field => field.Opens.Concat(field.Closes))
        .Any(marker => marker.Literal.Contains(text, StringComparison.Ordinal) || marker.Pattern?.ToString().Contains(text, StringComparison.Ordinal) == true);

    /// <summary>The prompt behind its last anchor may have opened a region.</summary>
    private void FeedPrompt()
    {
        if (_options.PromptTail is not { } tail)
        {
            return;
        }

        var start = -1;
        foreach (var anchor in _template.Anchors)
        {
            if (anchor.Pattern is null)
            {
                var at = tail.LastIndexOf(anchor.Literal, StringComparison.Ordinal);
                start = at < 0 ? start : Math.Max(start, at + anchor.Literal.Length);
            }
            else
            {
                foreach (var match in anchor.Pattern.EnumerateMatches(tail))
                {
                    start = Math.Max(start, match.Index + match.Length);
                }
            }
        }

        if (start < 0)
        {
            return;
        }

        _silent = true;
        _buffer.Append(tail.AsSpan(start));
        while (Step(final: true))
        {
        }

        if (_region is { Streams: not null })
        {
            _openLength = 0;
        }

        if (_buffer.Length > 0 && Kind is not null)
        {
            _buffer.Consume(_buffer.Length);
        }

        (_silent, _scan, _textWritten, _separate) = (false, 0, false, true);
    }

    private void Run(bool final)
    {
        while (!_writer.IsClosed && Step(final))
        {
        }

        if (final && !_writer.IsClosed && _buffer.Length > 0)
        {
            // The end of the output in a region that is no text: its raw text.
            Emit(_buffer.Length, OutputEventKind.Text);
        }
    }

    private bool Step(bool final)
    {
        TemplateField? opened = null;
        var (at, length, hold) = (-1, 0, _buffer.Length);
        if (_region is null)
        {
            foreach (var field in _template.Fields)
            {
                foreach (var marker in field.Opens)
                {
                    opened = Better(marker, final, ref at, ref length, ref hold) ? field : opened;
                }
            }
        }

        foreach (var marker in (_region ?? _template.Implicit)?.Closes ?? [])
        {
            opened = Better(marker, final, ref at, ref length, ref hold) ? null : opened;
        }

        // A marker that may begin before the one that was found decides first.
        if (at >= 0 && (hold >= at || final))
        {
            Take(opened, at, length);
            return true;
        }

        hold = final ? _buffer.Length : hold;
        _scan = hold;
        if (Kind is { } kind && !_silent)
        {
            Emit(hold, _ended ? OutputEventKind.Markup : kind);
        }

        return false;
    }

    /// <summary>Looks for a marker; true when it is better than the one found before: earlier, or as early and longer.</summary>
    private bool Better(TemplateMarker marker, bool final, ref int at, ref int length, ref int hold)
    {
        var text = _buffer.Span;
        var from = Math.Min(_scan, text.Length);
        var (index, found) = (-1, 0);
        if (marker.Pattern is null)
        {
            index = text[from..].IndexOf(marker.Literal, StringComparison.Ordinal);
            (index, found) = index < 0 ? (-1, 0) : (from + index, marker.Literal.Length);
        }
        else if (final || marker.Literal.Length > 0)
        {
            foreach (var match in marker.Pattern.EnumerateMatches(text, from))
            {
                if (match.Length > 0)
                {
                    (index, found) = (match.Index, match.Length);
                    break;
                }
            }

            if (index >= 0 && index + found == text.Length && !final)
            {
                hold = Math.Min(hold, index);
                return false;
            }
        }

        if (index < 0)
        {
            hold = final ? hold : Math.Min(hold, HoldFrom(marker, text, from));
            return false;
        }

        if (at >= 0 && (index > at || (index == at && found <= length)))
        {
            return false;
        }

        (at, length) = (index, found);
        return true;
    }

    /// <summary>The first position where the marker may begin with characters still to come.</summary>
    private static int HoldFrom(TemplateMarker marker, ReadOnlySpan<char> text, int from)
    {
        if (marker.Literal.Length == 0)
        {
            // Nothing is known of the pattern's beginning: wait for the whole output.
            return from;
        }

        var position = text.Length;
        if (marker.Pattern is not null)
        {
            var search = Math.Max(from, text.Length - MaxHold);
            var begun = text[search..].IndexOf(marker.Literal, StringComparison.Ordinal);
            position = begun >= 0 ? search + begun : position;
        }

        for (var length = Math.Min(marker.Literal.Length - 1, text.Length - from); length > 0 && position == text.Length; length--)
        {
            if (text.EndsWith(marker.Literal.AsSpan(0, length), StringComparison.Ordinal))
            {
                position = text.Length - length;
            }
        }

        while (marker.SpaceFirst && position > from && text.Length - position < MaxHold && char.IsWhiteSpace(text[position - 1]))
        {
            position--;
        }

        return position;
    }

    private void Take(TemplateField? opened, int at, int length)
    {
        if (opened is not null)
        {
            // Space alone between regions is no answer.
            Emit(at, _ended || _buffer.Span[..at].IsWhiteSpace() && !_textWritten ? OutputEventKind.Markup : Kind ?? OutputEventKind.Text);
            Capture(opened.Opens, _buffer.Span[..length]);
            (_region, _ended, _textWritten, _separate, _openLength, _scan) = (opened, false, false, true, length, length);
            if (opened.Streams is not null)
            {
                Emit(length, OutputEventKind.Markup);
                (_openLength, _scan) = (0, 0);
            }

            return;
        }

        if (_region is null)
        {
            // The closer of the implicit region ends the answer.
            Emit(at, Kind ?? OutputEventKind.Text);
            Emit(length, OutputEventKind.Markup);
            _ended = true;
            return;
        }

        if (_region.Streams is { } kind)
        {
            Emit(at, kind);
            Emit(length, OutputEventKind.Markup);
        }
        else
        {
            Capture(_region.Closes, _buffer.Span.Slice(at, length));
            CloseRegion(_buffer.Span[_openLength..at].ToString(), at + length);
        }

        (_region, _openLength, _scan, _captures, _textWritten, _separate) = (null, 0, 0, [], false, true);
    }

    private void CloseRegion(string body, int rawLength)
    {
        var calls = _region!.Name == "tool_calls" ? TemplateCalls.Read(_region, body, _captures, _context) : null;
        var good = calls is { Count: > 0 } && !_silent && (!_options.ValidateNames || calls.All(call => _context.MayBe(call.Name)));
        if (!good)
        {
            Emit(rawLength, OutputEventKind.Text);
            return;
        }

        for (var i = 0; i < calls!.Count; i++)
        {
            _writer.Call(calls[i], i == 0 ? _buffer.Span[..rawLength] : []);
        }

        _buffer.Consume(rawLength);
    }

    private void Capture(IReadOnlyList<TemplateMarker> markers, ReadOnlySpan<char> text)
    {
        foreach (var marker in markers)
        {
            if (marker.Pattern?.Match(text.ToString()) is { Success: true } match)
            {
                foreach (var name in marker.Pattern.GetGroupNames().Where(name => !char.IsAsciiDigit(name[0])))
                {
                    _captures[name] = match.Groups[name].Value;
                }

                return;
            }
        }
    }

    private void Emit(int length, OutputEventKind kind)
    {
        if (length > 0)
        {
            if (!_silent)
            {
                Separate(kind);
                _writer.Piece(kind, _buffer.Span[..length]);
                _textWritten |= kind != OutputEventKind.Markup;
            }

            _buffer.Consume(length);
            _scan = Math.Max(0, _scan - length);
        }
    }

    /// <summary>Before the first text of a region: what joins it to the region before.</summary>
    private void Separate(OutputEventKind kind)
    {
        var field = _region ?? _template.Implicit;
        if (field is null || kind == OutputEventKind.Markup || field.Streams != kind)
        {
            return;
        }

        if (_separate && !_written.Add(field) && field.Join is { Length: > 0 } join)
        {
            _writer.Piece(kind, join);
        }

        _separate = false;
    }
}
