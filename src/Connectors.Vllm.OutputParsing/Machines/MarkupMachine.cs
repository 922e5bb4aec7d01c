using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Machines;

/// <summary>
/// The machine of all formats that are markers in running text. Text passes on as far as it cannot become a marker, markers switch between
/// thought and answer, and blocks of calls go to the format's <see cref="CallReader"/>.
/// </summary>
internal sealed class MarkupMachine : OutputMachine
{
    // A rejected block is read again behind its opener. Over one output, only so much is read again before rejected blocks pass as a whole.
    private const long FreeRescan = 256 * 1024;

    private static readonly Transitions Table = new(
        nameof(MarkupMachine),
        (nameof(Lead), nameof(Running)), (nameof(Lead), nameof(Lead)), (nameof(Lead), nameof(Block)),
        (nameof(Running), nameof(Lead)), (nameof(Running), nameof(Block)), (nameof(Running), nameof(Running)),
        (nameof(Block), nameof(Lead)), (nameof(Block), nameof(Running)), (nameof(Block), nameof(Block)));

    private readonly EventWriter _writer;
    private readonly ReasoningSyntax _reasoningSyntax;
    private readonly ToolSyntax _toolSyntax;
    private readonly MarkerTrie _trie;
    private readonly IReadOnlyDictionary<int, string> _markerTokens;
    private readonly ReaderContext _context;
    private readonly OutputParserOptions _options;
    private readonly CallReader? _reader;
    private readonly bool _answerIsBlock;
    private readonly bool _callsAreForced;
    private readonly TextBuffer _buffer = new();
    private readonly TokenMarks _marks = new();
    private State _state;
    private CodeFence _fence;
    private bool _idsKnown;
    private int _scan;
    private long _rescanned;

    public MarkupMachine(MachineContext context, ToolSyntax tools, ReasoningSyntax reasoning, MarkerTrie trie, bool answerIsBlock)
    {
        (_writer, _options) = (context.Writer, context.Options);
        (_toolSyntax, _reasoningSyntax, _trie, _answerIsBlock) = (tools, reasoning, trie, answerIsBlock);
        _markerTokens = context.MarkerTokens;
        _context = new ReaderContext(_options);
        _reader = tools.Reader?.Invoke(_context);
        _callsAreForced = _options.ToolChoice.Kind is OutputToolChoiceKind.Required or OutputToolChoiceKind.Named;
        var isThought = PromptScan.IsOpen(_options.PromptTail, reasoning, out var newlineWritten) ?? false;
        _state = new Lead(isThought, isThought && !newlineWritten ? reasoning.NewlinesAfterOpen : 0);
        if (tools.PromptOpener is { } opener && _options.PromptTail?.EndsWith(opener, StringComparison.Ordinal) == true)
        {
            BeginBlock("", onlyDeclared: false);
        }
    }

    public override bool IsReasoning => _state.IsThought;

    private OutputEventKind TextKind => _state.IsThought ? OutputEventKind.Reasoning : OutputEventKind.Text;

    private int NewlinesToHold => _state.IsThought ? _reasoningSyntax.NewlinesBeforeClose : _toolSyntax.NewlinesBefore;

    public override void Push(ReadOnlySpan<char> text, string? original, int tokenId)
    {
        _idsKnown = tokenId >= 0;
        var marked = _idsKnown && MarkToken(text, tokenId);
        if (!marked && _buffer.Length == 0 && _state is Running && !text.IsEmpty
            && text.IndexOfAny(_trie.FirstCharacters) < 0 && (NewlinesToHold == 0 || text[^1] is not ('\n' or '\r')))
        {
            _buffer.Skip(text.Length);
            _fence.Pass(text);
            _writer.Piece(TextKind, text, original);
            return;
        }

        _buffer.Append(text);
        Run(final: false);
    }

    public override void Finish(bool truncated)
    {
        Run(final: true);
        if (_answerIsBlock && !truncated && _writer.IsEmpty && _options.ToolChoice.Name is { } name)
        {
            // The server forced the call, and the model wrote nothing else: a call without arguments.
            _writer.Call(ParsedCall.Of(name, "{}"), []);
        }
    }

    private bool MarkToken(ReadOnlySpan<char> text, int tokenId)
    {
        if ((_markerTokens.TryGetValue(tokenId, out var marker) || _options.SpecialTokens?.TryGetValue(tokenId, out marker) == true)
            && text.EndsWith(marker, StringComparison.Ordinal))
        {
            _marks.Add(_buffer.Position + _buffer.Length + text.Length - marker!.Length, marker.Length);
            return true;
        }

        return false;
    }

    private void Run(bool final)
    {
        while (!_writer.IsClosed && _state switch
        {
            Lead lead => RunLead(lead, final),
            Running => RunText(final),
            _ => RunBlock((Block)_state, final),
        })
        {
            _marks.ForgetBefore(_buffer.Position);
        }
    }

    private void Go(State next)
    {
        Table.Observe(_state, next);
        if (next.IsThought != _state.IsThought)
        {
            _fence = default;
        }

        _state = next;
    }

    /// <summary>Works on the beginning of a text; returns false when more characters are needed.</summary>
    private bool RunLead(Lead lead, bool final)
    {
        if (!SkipNewlines(lead, final))
        {
            return false;
        }

        while (_scan < _buffer.Length && char.IsWhiteSpace(_buffer.Span[_scan]))
        {
            _scan++;
        }

        if (_scan == _buffer.Length)
        {
            return final && FinishText();
        }

        if (!TryMarker(final, out var taken))
        {
            return false;
        }

        if (taken)
        {
            return true;
        }

        if (_answerIsBlock && !lead.IsThought)
        {
            BeginBlock("", onlyDeclared: false);
        }
        else
        {
            Go(new Running(lead.IsThought, QuotesCall: false));
        }

        return true;
    }

    private bool SkipNewlines(Lead lead, bool final)
    {
        while (lead.Newlines > 0)
        {
            var span = _buffer.Span;
            var length = span.StartsWith("\r\n") ? 2 : span.StartsWith("\n") ? 1 : 0;
            if (length == 0)
            {
                return final || !(span.IsEmpty || span is "\r");
            }

            Drop(length);
            lead.Newlines--;
        }

        return true;
    }

    /// <summary>Works on running text; returns false when more characters are needed.</summary>
    private bool RunText(bool final)
    {
        while (true)
        {
            var found = _buffer.Span[_scan..].IndexOfAny(_trie.FirstCharacters);
            if (found < 0)
            {
                _scan = _buffer.Length;
                if (final)
                {
                    return FinishText();
                }

                EmitText(_buffer.Length, keepNewlines: true);
                return false;
            }

            _scan += found;
            if (!TryMarker(final, out var taken))
            {
                EmitText(_scan, keepNewlines: true);
                return false;
            }

            if (taken)
            {
                return true;
            }

            _scan++;
        }
    }

    /// <summary>Looks for a marker at the scan position and acts on it; false when more characters are needed to know.</summary>
    private bool TryMarker(bool final, out bool taken)
    {
        var marker = _trie.Match(
            _buffer.Span[_scan..], this, static (in MarkupMachine machine, Marker candidate) => machine.Counts(candidate), out var open);
        taken = false;
        if (open && !final)
        {
            return false;
        }

        if (marker is not null && marker.Kind.HasFlag(MarkerKind.Citation) && !_state.IsThought)
        {
            var length = Citation.Length(_buffer.Span[_scan..], marker.Text.Length, out var cut);
            if (length > 0)
            {
                // The space before a citation is the text's own, also where the text begins.
                Go(new Running(IsThought: false, QuotesCall: false));
                EndText(length, 0);
                taken = true;
            }

            return length > 0 || !cut || final;
        }

        if (marker is not null)
        {
            Act(marker);
            taken = true;
        }

        return true;
    }

    private bool Counts(Marker marker)
    {
        var isToken = IsTokenHere(marker);
        return (isToken || !_idsKnown || !marker.IsToken) && Role(marker.Kind, isToken) != MarkerKind.None;
    }

    private bool IsTokenHere(Marker marker) => _idsKnown && _marks.Contains(_buffer.Position + _scan, marker.Text.Length);

    /// <summary>The one part a marker plays in the current state; none when it is text here.</summary>
    private MarkerKind Role(MarkerKind kind, bool isToken)
    {
        var isThought = _state.IsThought;
        if (isThought && kind.HasFlag(MarkerKind.ReasoningClose))
        {
            return MarkerKind.ReasoningClose;
        }

        if (kind.HasFlag(MarkerKind.CallOpen))
        {
            var isCode = !isToken && !_callsAreForced && _fence.Holds(_buffer.Span[.._scan]);
            return isThought && !_reasoningSyntax.EndedByCall ? MarkerKind.Quote : isCode ? MarkerKind.None : MarkerKind.CallOpen;
        }

        if (kind.HasFlag(MarkerKind.CallOpenAtStart) && !isThought && _state is Lead)
        {
            return MarkerKind.CallOpenAtStart;
        }

        if (kind.HasFlag(MarkerKind.ReasoningOpen) && (_state is Lead || (!isThought && (isToken || !_reasoningSyntax.OpensOnlyAtStart))))
        {
            return MarkerKind.ReasoningOpen;
        }

        if (kind.HasFlag(MarkerKind.Citation) && !isThought)
        {
            return MarkerKind.Citation;
        }

        if (kind.HasFlag(MarkerKind.StrayCloser))
        {
            return _state is Running { QuotesCall: true } ? MarkerKind.None : MarkerKind.Drop;
        }

        var isDropped = (kind & (MarkerKind.Drop | MarkerKind.Special)) != 0 || (isToken && kind.HasFlag(MarkerKind.ReasoningClose));
        return isDropped ? MarkerKind.Drop : MarkerKind.None;
    }

    private void Act(Marker marker)
    {
        var wasLead = _state is Lead;
        switch (Role(marker.Kind, IsTokenHere(marker)))
        {
            case MarkerKind.CallOpen:
                BeginBlock(marker.Text, onlyDeclared: false);
                break;
            case MarkerKind.CallOpenAtStart:
                BeginBlock(marker.Text, onlyDeclared: true);
                break;
            case MarkerKind.Quote:
                Go(new Running(_state.IsThought, QuotesCall: true));
                Emit(_scan + marker.Text.Length);
                break;
            case MarkerKind.ReasoningOpen:
                EndText(marker.Text.Length, 0);
                Go(new Lead(true, _reasoningSyntax.NewlinesAfterOpen));
                break;
            case MarkerKind.ReasoningClose:
                EndText(marker.Text.Length, _reasoningSyntax.NewlinesBeforeClose);
                Go(new Lead(false, _reasoningSyntax.NewlinesAfterClose));
                break;
            default:
                EndText(marker.Text.Length, marker.Kind.HasFlag(MarkerKind.StrayCloser) ? NewlinesToHold : 0);
                if (wasLead && marker.Kind.HasFlag(MarkerKind.ReasoningClose))
                {
                    // The end of a thought that had ended already: with its framing.
                    Go(new Lead(false, _reasoningSyntax.NewlinesAfterClose));
                }

                break;
        }
    }

    /// <summary>Writes the text before the marker at the scan position and drops the marker, with the newlines before it that frame it.</summary>
    private void EndText(int markerLength, int newlines)
    {
        if (_state is not Lead)
        {
            EmitText(_scan - Framing.Trailing(_buffer.Span[.._scan], newlines, open: false), keepNewlines: false);
        }

        Drop(_scan + markerLength);
    }

    private void BeginBlock(string opener, bool onlyDeclared)
    {
        if (_state is not Lead)
        {
            EmitText(_scan - Framing.Trailing(_buffer.Span[.._scan], NewlinesToHold, open: false), keepNewlines: false);
        }

        Go(new Block(_state.IsThought, _scan, opener, onlyDeclared, HadCalls: false));
        _reader!.Begin(opener, opener.Length);
    }

    /// <summary>Works on a block of calls; returns false when more characters are needed.</summary>
    private bool RunBlock(Block block, bool final)
    {
        var result = _reader!.Read(_buffer.Span[block.Start..], final);
        switch (result.Status)
        {
            case ReadStatus.More when !final:
                return false;
            case ReadStatus.CallThenMore:
            case ReadStatus.LastCall:
                WriteCall(block, result.Call!, result.Length, last: result.Status == ReadStatus.LastCall);
                break;
            case ReadStatus.End:
                Drop(block.Start + result.Length);
                Go(new Lead(block.IsThought, 0));
                break;
            case ReadStatus.Reject when block.HadCalls && block.Start < _buffer.Length && char.IsWhiteSpace(_buffer.Span[block.Start]):
                // Calls without the end of their block, and space: nothing of it is text yet.
                Go(new Lead(block.IsThought, 0));
                break;
            default:
                Reject(block, result.Status == ReadStatus.More ? _buffer.Length - block.Start : Math.Max(result.Length, 1), result.Examined);
                break;
        }

        _scan = 0;
        return true;
    }

    private void Reject(Block block, int length, int examined)
    {
        var again = examined - length;
        if (again > 0 && (_rescanned += again) > FreeRescan + (2 * (_buffer.Position + block.Start + examined)))
        {
            length = examined;
        }

        Go(new Running(block.IsThought, QuotesCall: false));
        if (length == block.Opener.Length && IsControl(block.Opener))
        {
            // A control token that begins no call says nothing.
            Emit(block.Start);
            Drop(length);
            return;
        }

        EmitWithoutSpecials(Math.Min(block.Start + length, _buffer.Length));
    }

    private void WriteCall(Block block, ParsedCall call, int length, bool last)
    {
        // Where the opener is no marker of its own, or inside a thought (which may discuss calls), only a declared tool makes it a call.
        var accepted = (call.Error is null || (_options.MalformedCalls == MalformedCallPolicy.Call && call.Name.Length > 0))
            && (!(block.OnlyDeclared || block.IsThought || _options.ValidateNames) || _context.MayBe(call.Name));
        if (!accepted)
        {
            EmitWithoutSpecials(block.Start + length);
            Go(last ? new Running(block.IsThought, QuotesCall: false) : block with { Start = 0 });
            return;
        }

        Drop(block.Start);
        Go(last ? new Lead(IsThought: false, 0) : block with { IsThought = false, Start = 0, HadCalls = true });
        _writer.Call(call, _buffer.Span[..length]);
        _buffer.Consume(length);
    }

    /// <summary>Writes text up to a position, except newlines before it that may turn out to be a marker's framing.</summary>
    private void EmitText(int end, bool keepNewlines)
    {
        var length = end - (keepNewlines ? Framing.Trailing(_buffer.Span[..end], NewlinesToHold, open: true) : 0);
        if (length > 0)
        {
            var scan = _scan - length;
            Emit(length);
            _scan = scan;
        }
    }

    private bool FinishText()
    {
        if (_state is Lead && _writer.HasOutput)
        {
            Drop(_buffer.Length);
        }
        else
        {
            Emit(_buffer.Length);
        }

        return false;
    }

    /// <summary>Writes markup that is no call as text. Special tokens in it are no text.</summary>
    private void EmitWithoutSpecials(int length)
    {
        for (var at = 0; _options.SpecialTokens is not null && at < length; at++)
        {
            _scan = at;
            var marker = _trie.Match(_buffer.Span[at..length], this, static (in MarkupMachine machine, Marker candidate) =>
                candidate.IsSpecial && (!machine._idsKnown || machine.IsTokenHere(candidate)), out _);
            if (marker is not null)
            {
                Emit(at);
                Drop(marker.Text.Length);
                length -= at + marker.Text.Length;
                at = -1;
            }
        }

        Emit(length);
    }

    private bool IsControl(string opener) =>
        (opener.StartsWith("<|", StringComparison.Ordinal) && opener.EndsWith("|>", StringComparison.Ordinal))
        || (opener.StartsWith("<｜", StringComparison.Ordinal) && opener.EndsWith("｜>", StringComparison.Ordinal))
        || _options.SpecialTokens?.Values.Contains(opener) == true;

    private void Emit(int length)
    {
        _fence.Pass(_buffer.Span[..length]);
        _writer.Piece(TextKind, _buffer.Span[..length]);
        _buffer.Consume(length);
        _scan = 0;
    }

    private void Drop(int length)
    {
        _writer.Piece(OutputEventKind.Markup, _buffer.Span[..length]);
        _buffer.Consume(length);
        _scan = 0;
    }

    /// <summary>Where the output stands, in a thought or in the answer.</summary>
    private abstract record State(bool IsThought);

    /// <summary>Nothing of a text was written yet. Newlines of the marker before it are dropped, and the space behind them is held.</summary>
    private sealed record Lead(bool IsThought, int AfterMarker) : State(IsThought)
    {
        /// <summary>How many newlines may still belong to the marker.</summary>
        public int Newlines { get; set; } = AfterMarker;
    }

    /// <summary>In running text.</summary>
    /// <param name="IsThought">In a thought.</param>
    /// <param name="QuotesCall">True in a thought that no call ends and that holds the opener of one: then its closers are part of it.</param>
    private sealed record Running(bool IsThought, bool QuotesCall) : State(IsThought);

    /// <summary>In a block of calls.</summary>
    /// <param name="IsThought">In a thought.</param>
    /// <param name="Start">Where the block begins in the buffer; held space stands before it.</param>
    /// <param name="Opener">The marker that opened it; empty where the prompt or the request did.</param>
    /// <param name="OnlyDeclared">True where the opener is ordinary text: then only a declared tool makes a call.</param>
    /// <param name="HadCalls">True behind a call of the block.</param>
    private sealed record Block(bool IsThought, int Start, string Opener, bool OnlyDeclared, bool HadCalls) : State(IsThought);
}
