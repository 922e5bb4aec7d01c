using System.Text;
using System.Text.Json.Nodes;
using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.ResponseTemplates;

/// <summary>
/// Runs a <see cref="TemplateDefinition"/>: outside of regions every opener is watched, inside of one only its own closers. Text and reasoning
/// stream; calls are read when their region closes, and what cannot be read is returned as text.
/// </summary>
internal sealed partial class ResponseTemplateMachine : OutputMachine
{
    private static readonly Transitions Table = new(
        nameof(ResponseTemplateMachine),
        (nameof(Outside), nameof(Outside)), (nameof(Outside), nameof(Streamed)), (nameof(Outside), nameof(Parsed)),
        (nameof(Streamed), nameof(Outside)),
        (nameof(Parsed), nameof(Outside)));

    private readonly TemplateDefinition _template;
    private readonly HashSet<TemplateField> _written = [];
    private State _state = new Outside(IsOver: false);
    private bool _isPrompt;
    private int _scan;

    public ResponseTemplateMachine(MachineContext context, TemplateDefinition template)
        : base(context)
    {
        _template = template;
        FeedPrompt();
    }

    public override bool IsReasoning => _state is Streamed { Kind: OutputEventKind.Reasoning };

    private OutputEventKind OutsideKind => _template.Implicit?.Streams ?? OutputEventKind.Text;

    public override void Push(ReadOnlySpan<char> text, string? original, int tokenId)
    {
        if (tokenId >= 0 && Options.SpecialTokens?.TryGetValue(tokenId, out var special) == true && text.EndsWith(special, StringComparison.Ordinal)
            && special.Length > 0 && !IsMarker(special))
        {
            // A special token that no field uses is ignored.
            Marks.Add(Buffer.Position + Buffer.Length + text.Length - special.Length, special.Length);
        }

        Buffer.Append(text);
        Run(final: false);
    }

    public override void Finish(bool truncated)
    {
        Run(final: true);
        foreach (var field in _template.Fields.Where(field => field.Streams is not null && !_written.Contains(field)))
        {
            if (!truncated && _template.Defaults.TryGetValue(field.Name, out var text))
            {
                Writer.Piece(field.Streams!.Value, text);
            }
        }
    }

    private bool IsMarker(string text) => _template.Fields.SelectMany(field => field.Opens.Concat(field.Closes)).Any(marker => marker.Mentions(text));

    /// <summary>The prompt after its last anchor may have opened a region.</summary>
    private void FeedPrompt()
    {
        if (Options.PromptTail is not { } tail || TemplateMarker.EndOfLast(_template.Anchors, tail) is not (>= 0 and var start))
        {
            return;
        }

        _isPrompt = true;
        Buffer.Append(tail.AsSpan(start));
        while (Step(final: true))
        {
        }

        _isPrompt = false;
        _scan = 0;
        if (_state is Parsed parsed)
        {
            _scan = parsed.OpenLength;
        }
        else
        {
            Buffer.Consume(Buffer.Length);
            _state = _state is Streamed streamed ? streamed with { NeedsJoin = true } : new Outside(((Outside)_state).IsOver);
        }
    }

    private void Run(bool final)
    {
        while (!Writer.IsClosed && Step(final))
        {
        }

        if (final && !Writer.IsClosed && Buffer.Length > 0)
        {
            // The end of the output in a region that is not text: its raw text. Space after everything else is none.
            Emit(Buffer.Length, _state is Outside && Writer.HasOutput ? OutputEventKind.Markup : OutputEventKind.Text);
        }
    }

    private bool Go(State next)
    {
        Table.Observe(_state, next);
        _state = next;
        return true;
    }

    private bool Step(bool final) => _state switch
    {
        Outside outside => RunOutside(outside, final),
        Streamed streamed => RunStreamed(streamed, final),
        _ => RunParsed((Parsed)_state, final),
    };

    private bool RunOutside(Outside outside, bool final)
    {
        var best = Search.In(Buffer.Span, _scan, final);
        foreach (var field in _template.Fields)
        {
            best.Try(field.Opens, field);
        }

        best.Try(_template.Implicit?.Closes ?? [], null);
        var kind = outside.IsOver ? OutputEventKind.Markup : OutsideKind;
        var end = best.IsDecided ? best.At : best.Hold;
        var isBlank = !outside.IsWritten && Buffer.Span[Math.Min(outside.Blank, end)..end].IsWhiteSpace();
        if (!best.IsDecided)
        {
            // Space alone is not an answer yet; it is looked at once.
            _scan = best.Hold;
            outside.Blank = isBlank ? best.Hold : 0;
            if (!isBlank || outside.IsOver)
            {
                Emit(best.Hold, kind);
                outside.Blank = 0;
            }

            return false;
        }

        var (at, length, opened) = (best.At, best.Length, best.Field);
        Emit(at, isBlank && opened is not null ? OutputEventKind.Markup : kind);
        if (opened is null)
        {
            // The closer of the implicit region ends the answer.
            Emit(length, OutputEventKind.Markup);
            return Go(new Outside(IsOver: true));
        }

        _scan = length;
        var marker = Buffer.Span[..length].ToString();
        if (opened.Streams is not { } streams)
        {
            return Go(new Parsed(opened, length, Capture([], opened.Opens, marker)));
        }

        Emit(length, OutputEventKind.Markup);
        return Go(new Streamed(opened, streams));
    }

    private bool RunStreamed(Streamed region, bool final)
    {
        var best = Search.In(Buffer.Span, _scan, final);
        best.Try(region.Field.Closes, null);
        if (!best.IsDecided)
        {
            _scan = best.Hold;
            Emit(best.Hold, region.Kind);
            return false;
        }

        var length = best.Length;
        Emit(best.At, region.Kind);
        Emit(length, OutputEventKind.Markup);
        return Go(new Outside(IsOver: false));
    }

    private bool RunParsed(Parsed region, bool final)
    {
        while (true)
        {
            var best = Search.In(Buffer.Span, _scan, final);
            best.Try(region.Field.Closes, null);
            if (!best.IsDecided)
            {
                _scan = best.Hold;
                return false;
            }

            if (region.Strings?.Holds(Buffer.Span, best.At) == true || region.Quotes(Buffer.Span, best.At))
            {
                // A closer in a string of JSON is part of the string, and one of a quoted call part of a value.
                _scan = best.At + 1;
                continue;
            }

            var rawLength = best.At + best.Length;
            var captures = Capture(region.Captures, region.Field.Closes, Buffer.Span.Slice(best.At, best.Length).ToString());
            var shape = region.Shape(Buffer.Span[region.OpenLength..best.At]);
            var body = shape is null ? WithoutSpecials(region.OpenLength, best.At) : Buffer.Span[region.OpenLength..best.At].ToString();
            WriteCalls(region, body, shape, captures, rawLength);
            _scan = 0;
            return Go(new Outside(IsOver: false));
        }
    }

    private void WriteCalls(Parsed region, string body, string? shape, JsonObject captures, int rawLength)
    {
        var calls = region.Field.Name == "tool_calls" && !_isPrompt ? TemplateCalls.Read(region.Field, body, shape, captures, Context) : null;
        var good = calls is { Count: > 0 } && calls.All(call => call.Error is null && Accepts(call));
        if (!good)
        {
            Emit(rawLength, OutputEventKind.Text);
            return;
        }

        for (var i = 0; i < calls!.Count; i++)
        {
            Writer.Call(calls[i], i == 0 ? Buffer.Span[..rawLength] : []);
        }

        Buffer.Consume(rawLength);
        Marks.ForgetBefore(Buffer.Position);
    }

    private static JsonObject Capture(JsonObject captures, IReadOnlyList<TemplateMarker> markers, string text)
    {
        foreach (var marker in markers)
        {
            if (marker.Pattern?.Match(text) is { Success: true } match)
            {
                foreach (var name in marker.Pattern.GetGroupNames().Where(name => !char.IsAsciiDigit(name[0])))
                {
                    captures[name] = match.Groups[name].Value;
                }

                break;
            }
        }

        return captures;
    }

    private string WithoutSpecials(int from, int to)
    {
        var text = new StringBuilder();
        while (from < to)
        {
            var special = Marks.Next(Buffer.Position + from, out var length);
            var end = special < 0 ? to : (int)Math.Min(to, special - Buffer.Position);
            text.Append(Buffer.Span[from..end]);
            from = end + (end < to ? length : 0);
        }

        return text.ToString();
    }

    private void Emit(int length, OutputEventKind kind)
    {
        while (length > 0)
        {
            var special = Marks.Next(Buffer.Position, out var specialLength);
            var isSpecial = special == Buffer.Position && specialLength <= length;
            var piece = isSpecial ? specialLength : special < 0 ? length : (int)Math.Min(length, special - Buffer.Position);
            if (!_isPrompt)
            {
                var written = isSpecial ? OutputEventKind.Markup : kind;
                Join(written);
                Writer.Piece(written, Buffer.Span[..piece]);
                if (written != OutputEventKind.Markup && _state is Outside outside)
                {
                    outside.IsWritten = true;
                }
            }

            Buffer.Consume(piece);
            Marks.ForgetBefore(Buffer.Position);
            _scan = Math.Max(0, _scan - piece);
            length -= piece;
        }
    }

    /// <summary>Before the first text of a region: what joins it to the region before.</summary>
    private void Join(OutputEventKind kind)
    {
        var field = _state is Streamed region ? region.Field : _template.Implicit;
        if (_state is Parsed || field is null || kind == OutputEventKind.Markup || field.Streams != kind)
        {
            return;
        }

        if (_state.NeedsJoin && !_written.Add(field) && field.Join is { Length: > 0 } join)
        {
            Writer.Piece(kind, join);
        }

        _state.NeedsJoin = false;
    }
}
