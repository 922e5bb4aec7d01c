using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Machines;

internal abstract partial class ChannelMachine
{
    private bool RunBody(Body body, bool final)
    {
        var at = Find(_bodyMarkers, out var marker, out var length);
        var end = at >= 0 ? at : final ? Buffer.Length : _scan;
        EmitText(body, end);
        if (at < 0)
        {
            return false;
        }

        if (!_markers.Starts.Contains(marker))
        {
            Drop(length);
        }

        if (_markers.Ends.Contains(marker) || _markers.Starts.Contains(marker))
        {
            _scan = 0;
            Go(new Between());
        }

        return true;
    }

    private bool RunCall(CallBody call, bool final)
    {
        // Markers in the arguments are the arguments'; where ids are known, only tokens are markers anyway.
        if (!IdsKnown && !call.Arguments.IsPast(Buffer.Span[call.BodyStart..]))
        {
            if (final)
            {
                EmitAsText(Buffer.Length);
            }

            return false;
        }

        _scan = Math.Max(_scan, call.BodyStart + call.Arguments.Position);
        var at = Find(_bodyMarkers, out var marker, out var length);
        if (at < 0 && !final)
        {
            return false;
        }

        if (at >= 0 && !_markers.Ends.Contains(marker) && !_markers.Starts.Contains(marker))
        {
            _scan = at + length;
            return true;
        }

        var bodyEnd = at < 0 ? Buffer.Length : at;
        var body = Buffer.Span[call.BodyStart..bodyEnd];
        var calls = ReadCalls(call.Recipient, body);

        // Without its end marker a call counts only when its arguments are complete.
        var complete = at >= 0 || (calls.Count > 0 && calls.All(item => item.Error is null) && !body.IsWhiteSpace());
        var rawEnd = at >= 0 && _markers.Ends.Contains(marker) ? at + length : bodyEnd;
        var good = complete && calls.Count > 0 && calls.All(found => Accepts(found));
        for (var i = 0; good && i < calls.Count; i++)
        {
            Writer.Call(calls[i], i == 0 ? Buffer.Span[..rawEnd] : []);
        }

        if (good)
        {
            Buffer.Consume(rawEnd);
            _scan = 0;
        }
        else
        {
            EmitAsText(rawEnd);
        }

        Go(new Between());
        return at >= 0;
    }

    /// <summary>The next of the markers; without one, the scan position is where the next may still begin.</summary>
    private int Find(string[] markers, out string? marker, out int length)
    {
        (marker, length) = (null, 0);
        while (_scan < Buffer.Length)
        {
            var next = Buffer.Span[_scan..].IndexOf('<');
            if (next < 0)
            {
                _scan = Buffer.Length;
                return -1;
            }

            _scan += next;
            var open = false;
            foreach (var candidate in markers)
            {
                var rest = Buffer.Span[_scan..];
                if (rest.StartsWith(candidate, StringComparison.Ordinal) && Counts(candidate))
                {
                    (marker, length) = (candidate, candidate.Length);
                    return _scan;
                }

                open |= rest.Length < candidate.Length && candidate.AsSpan().StartsWith(rest, StringComparison.Ordinal);
            }

            if (open)
            {
                return -1;
            }

            if (_state is Body body && SpecialAt(_scan) is > 0 and var special)
            {
                EmitText(body, _scan);
                Drop(special);
                continue;
            }

            _scan++;
        }

        return -1;
    }

    private bool Counts(string marker) => !IdsKnown || !_tokenMarkers.Contains(marker) || Marks.Contains(Buffer.Position + _scan, marker.Length);

    private int SpecialAt(int at)
    {
        if (!IdsKnown || Options.SpecialTokens is not { Count: > 0 })
        {
            return 0;
        }

        var close = Buffer.Span[at..].IndexOf('>');
        return close > 0 && Marks.Contains(Buffer.Position + at, close + 1) ? close + 1 : 0;
    }

    private void EmitText(Body body, int length)
    {
        if (length > 0 && body.NeedsSeparator)
        {
            body.NeedsSeparator = false;
            Writer.Piece(body.EventKind, "\n");
        }

        Writer.Piece(body.EventKind, Buffer.Span[..length]);
        Buffer.Consume(length);
        _scan = Math.Max(0, _scan - length);
    }

    /// <summary>Writes markup that is not a call as text. Special tokens in it are not text.</summary>
    private void EmitAsText(int length)
    {
        for (var at = 0; _specialMarkers.Length > 0 && at < length; at++)
        {
            var next = Buffer.Span[at..length].IndexOf('<');
            at = next < 0 ? length : at + next;
            var marker = Lookahead.Prefix(Buffer.Span[at..length], _specialMarkers, out _);
            if (marker > 0 && (!IdsKnown || Marks.Contains(Buffer.Position + at, marker)))
            {
                Writer.Piece(OutputEventKind.Text, Buffer.Span[..at]);
                Buffer.Consume(at);
                Drop(marker);
                length -= at + marker;
                at = -1;
            }
        }

        Writer.Piece(OutputEventKind.Text, Buffer.Span[..length]);
        Buffer.Consume(length);
        _scan = 0;
    }

    private void Drop(int length)
    {
        Writer.Piece(OutputEventKind.Markup, Buffer.Span[..length]);
        Buffer.Consume(length);
        _scan = 0;
    }

    private abstract record State;

    /// <summary>After a message.</summary>
    private sealed record Between : State;

    /// <summary>In a header.</summary>
    private sealed record Header(string Begun) : State
    {
        /// <summary>What the prompt holds of it.</summary>
        public string Prefix { get; set; } = Begun;
    }

    /// <summary>In a message that streams.</summary>
    private sealed record Body(ChannelKind Kind) : State
    {
        /// <summary>True before the first character of a message after another of its kind.</summary>
        public bool NeedsSeparator { get; set; }

        public OutputEventKind EventKind => Kind == ChannelKind.Reasoning ? OutputEventKind.Reasoning : OutputEventKind.Text;
    }

    /// <summary>In a message that holds calls, which are read when it ends; its header is still in the buffer.</summary>
    private sealed record CallBody(string Recipient, int BodyStart, BodyScan Arguments) : State;
}

/// <summary>Follows the arguments in the body of a message, as characters arrive.</summary>
internal abstract class BodyScan
{
    /// <summary>The position up to which the body was scanned and contains no end of the message.</summary>
    public int Position { get; protected set; }

    /// <summary>True after the arguments, or where there are none.</summary>
    public abstract bool IsPast(ReadOnlySpan<char> body);
}

/// <summary>Arguments that are one JSON object.</summary>
internal sealed class JsonBodyScan : BodyScan
{
    private BracketScanner _scanner = BracketScanner.At(-1);

    public override bool IsPast(ReadOnlySpan<char> body)
    {
        if (_scanner.Position < 0)
        {
            var start = Lookahead.SkipAllSpace(body, 0);
            if (start == body.Length || body[start] != '{')
            {
                return true;
            }

            _scanner = BracketScanner.At(start);
        }

        var isPast = _scanner.IsBroken || _scanner.IsComplete || _scanner.Advance(body) || _scanner.IsBroken;
        Position = _scanner.Position;
        return isPast;
    }
}
