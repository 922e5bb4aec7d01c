using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Machines;

/// <summary>What a message of a channel format is.</summary>
internal enum ChannelKind
{
    Text,
    Reasoning,
    Call,
}

/// <summary>The markers of a channel format.</summary>
/// <param name="Starts">They begin a header; the first one a message.</param>
/// <param name="Message">It stands between header and body.</param>
/// <param name="Ends">They end a body.</param>
/// <param name="Others">They stand in headers, and mean nothing elsewhere.</param>
internal sealed record ChannelMarkers(string[] Starts, string Message, string[] Ends, params string[] Others);

/// <summary>
/// The machine of formats whose outputs are messages with a header: header, body, end marker, next message. Headers are read leniently: what is
/// no header is text, and a header that is cut off comes out as text.
/// </summary>
internal abstract partial class ChannelMachine : OutputMachine
{
    // In which the marker after a header begins, and what no marker is longer than.
    private const int MaxHeader = 512;
    private const int MaxMarker = 32;

    private static readonly Transitions Table = new(
        nameof(ChannelMachine),
        (nameof(Between), nameof(Header)),
        (nameof(Header), nameof(Between)), (nameof(Header), nameof(Body)), (nameof(Header), nameof(CallBody)),
        (nameof(Body), nameof(Between)),
        (nameof(CallBody), nameof(Between)));

    private readonly HashSet<string> _tokenMarkers;
    private readonly ChannelMarkers _markers;
    private readonly string[] _headerMarkers;
    private readonly string[] _bodyMarkers;
    private readonly string[] _specialMarkers;
    private State _state;
    private ChannelKind? _lastKind;
    private int _scan;

    protected ChannelMachine(MachineContext context, ChannelMarkers markers)
        : base(context)
    {
        _markers = markers;
        _tokenMarkers = new HashSet<string>(context.MarkerTokens.Values, StringComparer.Ordinal);
        _headerMarkers = [markers.Message, markers.Starts[0], .. markers.Ends];
        _bodyMarkers = [.. markers.Ends, .. markers.Starts, markers.Message, .. markers.Others];
        _specialMarkers = [.. _bodyMarkers.Where(marker => Options.SpecialTokens?.Values.Contains(marker) == true)];
        _state = Start(Options.PromptTail);
    }

    public override bool IsReasoning => _state is Body { Kind: ChannelKind.Reasoning };

    public override void Push(ReadOnlySpan<char> text, string? original, int tokenId)
    {
        if (!MarkToken(text, tokenId) && _state is Body { NeedsSeparator: false } body && Buffer.Length == 0 && !text.Contains('<'))
        {
            Buffer.Skip(text.Length);
            Writer.Piece(body.EventKind, text, original);
            return;
        }

        Buffer.Append(text);
        Run(final: false);
    }

    public override void Finish(bool truncated) => Run(final: true);

    /// <summary>Gets the kind and the recipient of the message with this header.</summary>
    protected abstract ChannelKind Classify(string header, out string recipient);

    /// <summary>What follows the arguments of a body that has just begun.</summary>
    protected abstract BodyScan ScanArguments();

    /// <summary>The calls of a closed body; empty when it holds none.</summary>
    protected abstract IReadOnlyList<ParsedCall> ReadCalls(string recipient, ReadOnlySpan<char> body);

    /// <summary>Whether text can be the beginning of a header that no marker begins.</summary>
    protected abstract bool MayBeHeader(ReadOnlySpan<char> text);

    /// <summary>The prompt's end decides where the output begins: usually after the role, in the header.</summary>
    private State Start(string? tail)
    {
        var start = string.IsNullOrEmpty(tail) ? -1 : tail.LastIndexOf(_markers.Starts[0], StringComparison.Ordinal);
        if (start < 0)
        {
            return new Header("");
        }

        var rest = tail![(start + _markers.Starts[0].Length)..];
        if (_markers.Ends.Any(end => rest.Contains(end, StringComparison.Ordinal)))
        {
            return new Between();
        }

        var message = rest.IndexOf(_markers.Message, StringComparison.Ordinal);
        return message < 0 ? new Header(rest) : BodyOf(rest[..message], 0);
    }

    private void Run(bool final)
    {
        while (!Writer.IsClosed && _state switch
        {
            Between => RunBetween(final),
            Header header => RunHeader(header, final),
            Body body => RunBody(body, final),
            _ => RunCall((CallBody)_state, final),
        })
        {
            Marks.ForgetBefore(Buffer.Position);
        }
    }

    private bool Go(State next)
    {
        Table.Observe(_state, next);
        _state = next;
        return true;
    }

    /// <summary>After an end marker: the next message, or text without its header.</summary>
    private bool RunBetween(bool final)
    {
        var at = Lookahead.SkipAllSpace(Buffer.Span, 0);
        if (at == Buffer.Length)
        {
            Drop(final ? at : 0);
            return false;
        }

        // Ends without a message are leftovers.
        var length = Lookahead.Prefix(Buffer.Span[at..], _markers.Ends, out var open);
        if (length > 0)
        {
            Drop(at + length);
            return true;
        }

        if (open && !final)
        {
            return false;
        }

        if (SpecialAt(at) is > 0 and var special && !MayBeHeader(Buffer.Span[at..]))
        {
            Drop(at + special);
            return true;
        }

        return Go(new Header(""));
    }

    private bool RunHeader(Header header, bool final)
    {
        var at = Find(_headerMarkers, out var marker, out var length);
        if (at >= 0 ? at > MaxHeader : _scan > MaxHeader + MaxMarker)
        {
            return LoseHeader();
        }

        if (!IsPlausible(header, Buffer.Span[..(at >= 0 ? at + length : Buffer.Length)]))
        {
            // What is not a header is a text that lost its own. Its first character is text even where it may be a marker's: else it would begin this
            // header again.
            var control = Lookahead.Prefix(Buffer.Span, _bodyMarkers, out _);
            Drop(control);
            _scan = Math.Min(control > 0 ? 0 : 1, Buffer.Length);
            return Go(Message(ChannelKind.Text));
        }

        if (at >= 0 && marker == _markers.Message)
        {
            var next = BodyOf(header.Prefix + Buffer.Span[..at].ToString(), at + length);
            _scan = at + length;
            if (next is Body)
            {
                Drop(at + length);
            }

            return Go(next);
        }

        if (at >= 0 && marker == _markers.Starts[0])
        {
            if (Buffer.Span[..at].IsWhiteSpace())
            {
                // The header's own beginning.
                _scan = at + length;
                return true;
            }

            // Another message begins where this one has got no further than its header.
            header.Prefix = "";
            CutHeader(at);
            return true;
        }

        if (at >= 0)
        {
            CutHeader(at);
            Drop(length);
            return Go(new Between());
        }

        if (final)
        {
            // A truncated header is kept, unless it contains only the start of a message.
            var begun = Buffer.Span.TrimStart();
            var start = _markers.Starts[0];
            if (begun.StartsWith(start, StringComparison.Ordinal)
                && "assistant".AsSpan().StartsWith(begun[start.Length..].Trim(), StringComparison.Ordinal))
            {
                Drop(Buffer.Length);
            }

            EmitAsText(Buffer.Length);
        }

        return false;
    }

    /// <summary>A message that ends inside its header is ignored; words without any marker may be an answer.</summary>
    private void CutHeader(int length)
    {
        if (Buffer.Span[..length].Contains("<|", StringComparison.Ordinal))
        {
            Drop(length);
        }
        else
        {
            EmitAsText(length);
        }
    }

    /// <summary>The number of words that are treated as text without its header; the markers between them are ignored.</summary>
    private bool LoseHeader()
    {
        var text = Message(ChannelKind.Text);
        Go(text);
        for (var rest = MaxHeader; rest > 0;)
        {
            var control = Lookahead.Prefix(Buffer.Span, _bodyMarkers, out _);
            var next = Buffer.Span[1..rest].IndexOf('<');
            var length = control > 0 ? control : next < 0 ? rest : next + 1;
            if (control > 0)
            {
                Drop(control);
            }
            else
            {
                EmitText(text, length);
            }

            rest -= length;
        }

        _scan = 0;
        return true;
    }

    private bool IsPlausible(Header header, ReadOnlySpan<char> text) =>
        header.Prefix.Contains("<|", StringComparison.Ordinal) || text.IsWhiteSpace() || MayBeHeader(text)
        || Lookahead.Prefix(text.TrimStart(), _markers.Ends, out var open) > 0 || open;

    private State BodyOf(string header, int start)
    {
        var kind = Classify(header, out var recipient);
        if (kind != ChannelKind.Call)
        {
            return Message(kind);
        }

        _lastKind = kind;
        return new CallBody(recipient, start, ScanArguments());
    }

    private Body Message(ChannelKind kind)
    {
        var body = new Body(kind) { NeedsSeparator = _lastKind == kind };
        _lastKind = kind;
        return body;
    }
}
