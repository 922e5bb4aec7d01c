using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Machines;

/// <summary>
/// The machine of formats whose outputs are messages with a header: header, body, end marker, next message. Headers are read leniently: what is
/// no header is text, and a header that is cut off comes out as text.
/// </summary>
internal abstract class ChannelMachine : OutputMachine
{
    private const int MaxHeader = 512;

    private readonly EventWriter _writer;
    private readonly IReadOnlyDictionary<int, string> _markerTokens;
    private readonly HashSet<string> _tokenMarkers;
    private readonly TextBuffer _buffer = new();
    private readonly TokenMarks _marks = new();
    private readonly string[] _headerMarkers;
    private readonly string[] _bodyMarkers;
    private State _state;
    private ChannelKind _kind;
    private ChannelKind? _lastKind;
    private string _headerPrefix = "";
    private string _recipient = "";
    private bool _idsKnown;
    private bool _separate;
    private int _scan;
    private int _headerLength;

    protected ChannelMachine(MachineContext context, string[] starts, string message, string[] ends)
    {
        (_writer, Options) = (context.Writer, context.Options);
        (Starts, Message, Ends) = (starts, message, ends);
        _markerTokens = context.MarkerTokens;
        _tokenMarkers = new HashSet<string>(_markerTokens.Values, StringComparer.Ordinal);
        _headerMarkers = [message, starts[0], .. ends];
        _bodyMarkers = [.. ends, .. starts];
        Context = new ReaderContext(Options);
        Start();
    }

    private enum State
    {
        Between,
        Header,
        Body,
    }

    public override bool IsReasoning => _state == State.Body && _kind == ChannelKind.Reasoning;

    protected OutputParserOptions Options { get; }

    protected ReaderContext Context { get; }

    /// <summary>Markers that begin a header.</summary>
    protected string[] Starts { get; }

    /// <summary>The marker between header and body.</summary>
    protected string Message { get; }

    /// <summary>Markers that end a body.</summary>
    protected string[] Ends { get; }

    public override void Push(ReadOnlySpan<char> text, string? original, int tokenId)
    {
        _idsKnown = tokenId >= 0;
        string? marker = null;
        if (_idsKnown && (_markerTokens.TryGetValue(tokenId, out marker) || Options.SpecialTokens?.TryGetValue(tokenId, out marker) == true)
            && text.EndsWith(marker, StringComparison.Ordinal))
        {
            _marks.Add(_buffer.Position + _buffer.Length + text.Length - marker.Length, marker.Length);
        }
        else if (_state == State.Body && _kind != ChannelKind.Call && _buffer.Length == 0 && !_separate && !text.Contains('<'))
        {
            _buffer.Skip(text.Length);
            _writer.Piece(Kind, text, original);
            return;
        }

        _buffer.Append(text);
        Run(final: false);
    }

    public override void Finish(bool truncated) => Run(final: true);

    /// <summary>What the message with this header is, and to whom it goes.</summary>
    protected abstract ChannelKind Classify(string header, out string recipient);

    /// <summary>The calls of a closed body; empty when it holds none.</summary>
    protected abstract IReadOnlyList<ParsedCall> ReadCalls(string recipient, ReadOnlySpan<char> body);

    /// <summary>Whether text can be the beginning of a header that no marker begins.</summary>
    protected abstract bool MayBeHeader(ReadOnlySpan<char> text);

    private OutputEventKind Kind => _kind == ChannelKind.Reasoning ? OutputEventKind.Reasoning : OutputEventKind.Text;

    /// <summary>The prompt's end decides where the output begins: usually behind the role, in the header.</summary>
    private void Start()
    {
        _state = State.Header;
        if (Options.PromptTail is not { Length: > 0 } tail)
        {
            return;
        }

        var start = tail.LastIndexOf(Starts[0], StringComparison.Ordinal);
        if (start < 0)
        {
            return;
        }

        var rest = tail[(start + Starts[0].Length)..];
        if (Ends.Any(end => rest.Contains(end, StringComparison.Ordinal)))
        {
            _state = State.Between;
            return;
        }

        var message = rest.IndexOf(Message, StringComparison.Ordinal);
        _headerPrefix = message < 0 ? rest : rest[..message];
        if (message >= 0)
        {
            BeginBody("");
        }
    }

    private void Run(bool final)
    {
        while (!_writer.IsClosed && _state switch
        {
            State.Between => RunBetween(final),
            State.Header => RunHeader(final),
            _ => RunBody(final),
        })
        {
            _marks.ForgetBefore(_buffer.Position);
        }
    }

    /// <summary>Behind an end marker: the next message, or text that lost its header.</summary>
    private bool RunBetween(bool final)
    {
        var at = 0;
        while (at < _buffer.Length && char.IsWhiteSpace(_buffer.Span[at]))
        {
            at++;
        }

        if (at == _buffer.Length)
        {
            if (final)
            {
                Drop(at);
            }

            return false;
        }

        // Ends without a message are leftovers.
        var length = Lookahead.Prefix(_buffer.Span[at..], Ends, out var open);
        if (length > 0)
        {
            Drop(at + length);
            return true;
        }

        if (open && !final)
        {
            return false;
        }

        if (SpecialAt(at) is > 0 and var special && !MayBeHeader(_buffer.Span[at..]))
        {
            Drop(at + special);
            return true;
        }

        _headerPrefix = "";
        _state = State.Header;
        return true;
    }

    private bool RunHeader(bool final)
    {
        var at = Find(_headerMarkers, out var marker, out var length);
        var seen = at >= 0 ? at + length : _buffer.Length;
        if (seen > MaxHeader || !IsPlausible(_buffer.Span[..seen]))
        {
            // What is no header is a text that lost its own. Its first character is text even where it is a marker's: else it would begin this header again.
            _kind = ChannelKind.Text;
            _state = State.Body;
            (_scan, _headerLength) = (Math.Min(1, _buffer.Length), 0);
            return true;
        }

        if (at >= 0 && marker == Message)
        {
            _headerLength = at + length;
            BeginBody(_buffer.Span[..at].ToString());
            return true;
        }

        if (at >= 0 && marker == Starts[0])
        {
            if (_buffer.Span[..at].IsWhiteSpace())
            {
                // The header's own beginning.
                _scan = at + length;
                return true;
            }

            // Another message begins where this one has got no further than its header.
            CutHeader(at);
            return true;
        }

        if (at >= 0)
        {
            // The message ended inside of its header: nothing of it is known to be a header.
            EmitAsText(at);
            Drop(length);
            _state = State.Between;
            return true;
        }

        if (final)
        {
            CutHeader(_buffer.Length);
        }

        return false;
    }

    /// <summary>An announced message that never began says nothing; a header that was cut off is kept.</summary>
    private void CutHeader(int length)
    {
        var header = _buffer.Span[..length].TrimStart();
        _headerPrefix = "";
        if (header.StartsWith(Starts[0], StringComparison.Ordinal) && "assistant".AsSpan().StartsWith(header[Starts[0].Length..].Trim(), StringComparison.Ordinal))
        {
            Drop(length);
        }
        else
        {
            EmitAsText(length);
        }
    }

    private bool IsPlausible(ReadOnlySpan<char> text) =>
        _headerPrefix.Contains("<|", StringComparison.Ordinal) || text.IsWhiteSpace() || MayBeHeader(text) || Lookahead.Prefix(text.TrimStart(), Ends, out var open) > 0 || open;

    private void BeginBody(string header)
    {
        _kind = Classify(_headerPrefix + header, out _recipient);
        _headerPrefix = "";
        _state = State.Body;
        _scan = _headerLength;
        _separate = _lastKind == _kind && _kind != ChannelKind.Call;
        _lastKind = _kind;
        if (_kind != ChannelKind.Call)
        {
            Drop(_headerLength);
            _headerLength = 0;
        }
    }

    private bool RunBody(bool final)
    {
        var at = Find(_bodyMarkers, out var marker, out var length);
        if (_kind == ChannelKind.Call)
        {
            return RunCall(at, marker, length, final);
        }

        var end = at >= 0 ? at : final ? _buffer.Length : _scan;
        if (end > 0)
        {
            if (_separate)
            {
                _separate = false;
                _writer.Piece(Kind, "\n");
            }

            EmitText(end);
        }

        if (at < 0)
        {
            return false;
        }

        EndBody(marker!, length);
        return true;
    }

    private bool RunCall(int at, string? marker, int length, bool final)
    {
        if (at < 0 && !final)
        {
            return false;
        }

        var bodyEnd = at < 0 ? _buffer.Length : at;
        var body = _buffer.Span[_headerLength..bodyEnd];
        var calls = ReadCalls(_recipient, body);

        // Without its end marker a call counts only when its arguments are complete.
        var complete = at >= 0 || (calls.Count > 0 && calls.All(call => call.Error is null) && !body.IsWhiteSpace());
        var isEnd = at >= 0 && Ends.Contains(marker);
        var rawEnd = isEnd ? at + length : bodyEnd;
        var good = complete && calls.Count > 0
            && calls.All(call => (call.Error is null || (Options.MalformedCalls == MalformedCallPolicy.Call && call.Name.Length > 0))
                && (!Options.ValidateNames || Context.MayBe(call.Name)));
        if (good)
        {
            for (var i = 0; i < calls.Count; i++)
            {
                _writer.Call(calls[i], i == 0 ? _buffer.Span[..rawEnd] : []);
            }
        }
        else
        {
            _writer.Piece(OutputEventKind.Text, _buffer.Span[..rawEnd]);
        }

        _buffer.Consume(rawEnd);
        (_scan, _headerLength) = (0, 0);
        _state = State.Between;
        return at >= 0;
    }

    private void EndBody(string marker, int length)
    {
        _state = State.Between;
        if (Ends.Contains(marker))
        {
            Drop(length);
        }

        _scan = 0;
    }

    /// <summary>The next of the markers; without one, the scan position is where the next may still begin.</summary>
    private int Find(string[] markers, out string? marker, out int length)
    {
        (marker, length) = (null, 0);
        while (_scan < _buffer.Length)
        {
            var next = _buffer.Span[_scan..].IndexOf('<');
            if (next < 0)
            {
                _scan = _buffer.Length;
                return -1;
            }

            _scan += next;
            var open = false;
            foreach (var candidate in markers)
            {
                var rest = _buffer.Span[_scan..];
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

            if (_state == State.Body && _kind != ChannelKind.Call && SpecialAt(_scan) is > 0 and var special)
            {
                EmitText(_scan);
                Drop(special);
                continue;
            }

            _scan++;
        }

        return -1;
    }

    private bool Counts(string marker) =>
        !_idsKnown || !_tokenMarkers.Contains(marker) || _marks.Contains(_buffer.Position + _scan, marker.Length);

    private int SpecialAt(int at)
    {
        if (!_idsKnown || Options.SpecialTokens is not { } specials)
        {
            return 0;
        }

        var close = _buffer.Span[at..].IndexOf('>');
        return close > 0 && _marks.Contains(_buffer.Position + at, close + 1) && specials.Count > 0 ? close + 1 : 0;
    }

    private void EmitText(int length)
    {
        _writer.Piece(Kind, _buffer.Span[..length]);
        _buffer.Consume(length);
        _scan = Math.Max(0, _scan - length);
    }

    private void EmitAsText(int length)
    {
        _writer.Piece(OutputEventKind.Text, _buffer.Span[..length]);
        _buffer.Consume(length);
        _scan = 0;
    }

    private void Drop(int length)
    {
        _writer.Piece(OutputEventKind.Markup, _buffer.Span[..length]);
        _buffer.Consume(length);
        _scan = 0;
    }
}

/// <summary>What a message of a channel format is.</summary>
internal enum ChannelKind
{
    Text,
    Reasoning,
    Call,
}
