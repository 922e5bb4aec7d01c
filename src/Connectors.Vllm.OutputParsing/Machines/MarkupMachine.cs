using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Machines;

/// <summary>
/// The machine of all formats that are markers in running text. Two modes, thought and answer, with the same work: pass text on as far as it cannot
/// become a marker, act on markers, and hand blocks of calls to the format's <see cref="CallReader"/>.
/// </summary>
internal sealed class MarkupMachine : OutputMachine
{
    // A rejected block is read again behind its opener. Over one output, only so much is read again before rejected blocks pass as a whole.
    private const long FreeRescan = 256 * 1024;

    private readonly EventWriter _writer;
    private readonly ReasoningSyntax _reasoningSyntax;
    private readonly ToolSyntax _toolSyntax;
    private readonly MarkerTrie _trie;
    private readonly IReadOnlyDictionary<int, string> _markerTokens;
    private readonly ReaderContext _context;
    private readonly OutputParserOptions _options;
    private readonly CallReader? _reader;
    private readonly bool _answerIsBlock;
    private readonly TextBuffer _buffer = new();
    private readonly TokenMarks _marks = new();
    private bool _reasoning;
    private bool _idsKnown;
    private bool _atStart = true;
    private bool _inBlock;
    private bool _blockInPrompt;
    private bool _blockAtStart;
    private bool _callsInBlock;
    private int _newlinesToSkip;
    private int _lead;
    private int _scan;
    private long _rescanned;

    public MarkupMachine(MachineContext context, ToolSyntax tools, ReasoningSyntax reasoning, MarkerTrie trie, bool answerIsBlock)
    {
        (_writer, _options) = (context.Writer, context.Options);
        (_toolSyntax, _reasoningSyntax, _trie, _answerIsBlock) = (tools, reasoning, trie, answerIsBlock);
        _markerTokens = context.MarkerTokens;
        _context = new ReaderContext(_options);
        _reader = tools.Reader?.Invoke(_context);
        _reasoning = PromptScan.IsOpen(_options.PromptTail, reasoning, out var newlineWritten) ?? false;
        _newlinesToSkip = _reasoning && !newlineWritten ? reasoning.NewlinesAfterOpen : 0;
        _blockInPrompt = tools.PromptOpener is { } opener && _options.PromptTail?.EndsWith(opener, StringComparison.Ordinal) == true;
    }

    public override bool IsReasoning => _reasoning;

    private OutputEventKind TextKind => _reasoning ? OutputEventKind.Reasoning : OutputEventKind.Text;

    private int NewlinesToHold => _reasoning ? _reasoningSyntax.NewlinesBeforeClose : _toolSyntax.NewlinesBefore;

    public override void Push(ReadOnlySpan<char> text, string? original, int tokenId)
    {
        _idsKnown = tokenId >= 0;
        var marked = _idsKnown && MarkToken(text, tokenId);
        if (!marked && _buffer.Length == 0 && !_atStart && !_inBlock && _newlinesToSkip == 0 && !text.IsEmpty
            && text.IndexOfAny(_trie.FirstCharacters) < 0 && (NewlinesToHold == 0 || text[^1] is not ('\n' or '\r')))
        {
            _buffer.Skip(text.Length);
            _writer.Piece(TextKind, text, original);
            return;
        }

        _buffer.Append(text);
        Run(final: false);
    }

    public override void Finish(bool truncated)
    {
        Run(final: true);
        if (_answerIsBlock && !truncated && _writer.CallCount == 0 && !_writer.IsClosed && _options.ToolChoice.Name is { } name)
        {
            _writer.Call(new ParsedCall(name, "{}"), []);
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
        while (!_writer.IsClosed && (_inBlock ? RunBlock(final) : RunText(final)))
        {
            _marks.ForgetBefore(_buffer.Position);
        }
    }

    /// <summary>Works on running text; returns false when more characters are needed.</summary>
    private bool RunText(bool final)
    {
        if (_newlinesToSkip > 0 && !SkipNewlines(final))
        {
            return false;
        }

        if (_blockInPrompt)
        {
            _blockInPrompt = false;
            BeginBlock("", atStart: false);
            return true;
        }

        if (_atStart)
        {
            while (_scan < _buffer.Length && char.IsWhiteSpace(_buffer.Span[_scan]))
            {
                _scan++;
            }

            if (_scan == _buffer.Length)
            {
                return final && FinishText();
            }
        }

        while (true)
        {
            var found = _atStart ? 0 : _buffer.Span[_scan..].IndexOfAny(_trie.FirstCharacters);
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
            var marker = _trie.Match(_buffer.Span[_scan..], this, static (in MarkupMachine machine, Marker candidate) => machine.Counts(candidate), out var open);
            if (open && !final)
            {
                if (!_atStart)
                {
                    EmitText(_scan, keepNewlines: true);
                }

                return false;
            }

            if (marker is not null && marker.Kind.HasFlag(MarkerKind.Citation) && !_reasoning)
            {
                var length = Citation.Length(_buffer.Span[_scan..], marker.Text.Length, out var cut);
                if (length > 0)
                {
                    // The space before a citation is the text's own, also where the text begins.
                    _atStart = false;
                    EndText(length, 0);
                    return true;
                }

                if (cut && !final)
                {
                    if (!_atStart)
                    {
                        EmitText(_scan, keepNewlines: true);
                    }

                    return false;
                }
            }
            else if (marker is not null)
            {
                Act(marker);
                return true;
            }

            if (_atStart && _answerIsBlock && !_reasoning)
            {
                BeginBlock("", atStart: false);
                return true;
            }

            _scan += _atStart ? 0 : 1;
            _atStart = false;
        }
    }

    private bool SkipNewlines(bool final)
    {
        var span = _buffer.Span;
        while (_newlinesToSkip > 0)
        {
            var length = span.StartsWith("\r\n") ? 2 : span.StartsWith("\n") ? 1 : 0;
            if (length == 0)
            {
                if (!final && (span.IsEmpty || span is "\r"))
                {
                    return false;
                }

                _newlinesToSkip = 0;
                break;
            }

            Drop(length);
            span = _buffer.Span;
            _newlinesToSkip--;
        }

        return true;
    }

    private bool Counts(Marker marker)
    {
        var isToken = _idsKnown && _marks.Contains(_buffer.Position + _scan, marker.Text.Length);
        if (_idsKnown && marker.IsToken && !isToken)
        {
            return false;
        }

        return Role(marker.Kind, isToken) != MarkerKind.None;
    }

    /// <summary>The one part a marker plays in the current state; none when it is text here.</summary>
    private MarkerKind Role(MarkerKind kind, bool isToken)
    {
        if (_reasoning && kind.HasFlag(MarkerKind.ReasoningClose))
        {
            return MarkerKind.ReasoningClose;
        }

        if (kind.HasFlag(MarkerKind.CallOpen) && (!_reasoning || _reasoningSyntax.EndedByCall))
        {
            return MarkerKind.CallOpen;
        }

        if (kind.HasFlag(MarkerKind.CallOpenAtStart) && !_reasoning && _atStart)
        {
            return MarkerKind.CallOpenAtStart;
        }

        if (kind.HasFlag(MarkerKind.ReasoningOpen) && (_atStart || (!_reasoning && (isToken || !_reasoningSyntax.OpensOnlyAtStart))))
        {
            return MarkerKind.ReasoningOpen;
        }

        if (kind.HasFlag(MarkerKind.Citation) && !_reasoning)
        {
            return MarkerKind.Citation;
        }

        if (kind.HasFlag(MarkerKind.StrayCloser))
        {
            return _reasoning && !_reasoningSyntax.EndedByCall ? MarkerKind.None : MarkerKind.Drop;
        }

        if ((kind & (MarkerKind.Drop | MarkerKind.Special)) != 0 || (isToken && kind.HasFlag(MarkerKind.ReasoningClose)))
        {
            return MarkerKind.Drop;
        }

        return MarkerKind.None;
    }

    private void Act(Marker marker)
    {
        var isToken = _idsKnown && _marks.Contains(_buffer.Position + _scan, marker.Text.Length);
        switch (Role(marker.Kind, isToken))
        {
            case MarkerKind.CallOpen:
                BeginBlock(marker.Text, atStart: false);
                break;
            case MarkerKind.CallOpenAtStart:
                BeginBlock(marker.Text, atStart: true);
                break;
            case MarkerKind.ReasoningOpen:
                EndText(marker.Text.Length, 0);
                StartText(reasoning: true, _reasoningSyntax.NewlinesAfterOpen);
                break;
            case MarkerKind.ReasoningClose:
                EndText(marker.Text.Length, _reasoningSyntax.NewlinesBeforeClose);
                StartText(reasoning: false, _reasoningSyntax.NewlinesAfterClose);
                break;
            default:
                EndText(marker.Text.Length, 0);
                if (_atStart && marker.Kind.HasFlag(MarkerKind.ReasoningClose))
                {
                    // The end of a thought that had ended already: with its framing.
                    StartText(reasoning: false, _reasoningSyntax.NewlinesAfterClose);
                }

                break;
        }
    }

    /// <summary>Writes the text before the marker at the scan position and drops the marker, with the newlines before it that are its framing.</summary>
    private void EndText(int markerLength, int newlines)
    {
        if (!_atStart)
        {
            EmitText(_scan - Framing.Trailing(_buffer.Span[.._scan], newlines, open: false), keepNewlines: false);
        }

        Drop(_scan + markerLength);
    }

    private void StartText(bool reasoning, int newlinesToSkip)
    {
        _reasoning = reasoning;
        _atStart = true;
        _newlinesToSkip = newlinesToSkip;
    }

    private void BeginBlock(string opener, bool atStart)
    {
        if (!_atStart)
        {
            EmitText(_scan - Framing.Trailing(_buffer.Span[.._scan], NewlinesToHold, open: false), keepNewlines: false);
        }

        _lead = _scan;
        _inBlock = true;
        _blockAtStart = atStart;
        _callsInBlock = false;
        _reader!.Begin(opener, opener.Length);
    }

    /// <summary>Works on a block of calls; returns false when more characters are needed.</summary>
    private bool RunBlock(bool final)
    {
        var result = _reader!.Read(_buffer.Span[_lead..], final);
        switch (result.Status)
        {
            case ReadStatus.More when !final:
                return false;
            case ReadStatus.CallThenMore:
            case ReadStatus.LastCall:
                WriteCall(result.Call!, result.Length, last: result.Status == ReadStatus.LastCall);
                return true;
            case ReadStatus.End:
                Drop(_lead + result.Length);
                EndBlock(accepted: true);
                return true;
            case ReadStatus.Reject when _callsInBlock && _lead < _buffer.Length && char.IsWhiteSpace(_buffer.Span[_lead]):
                // Calls without the end of their block, and space: nothing of it is text yet.
                EndBlock(accepted: true);
                return true;
            default:
                var length = result.Status == ReadStatus.More ? _buffer.Length - _lead : Math.Max(result.Length, 1);
                var again = result.Examined - length;
                if (again > 0 && (_rescanned += again) > FreeRescan + (2 * (_buffer.Position + _lead + result.Examined)))
                {
                    length = result.Examined;
                }

                Emit(Math.Min(_lead + length, _buffer.Length));
                EndBlock(accepted: false);
                return true;
        }
    }

    private void WriteCall(ParsedCall call, int length, bool last)
    {
        // Where the opener is no marker of its own, or inside a thought (which may discuss calls), only a declared tool makes it a call.
        var accepted = (call.Error is null || (_options.MalformedCalls == MalformedCallPolicy.Call && call.Name.Length > 0))
            && (!(_blockAtStart || _reasoning || _options.ValidateNames) || _context.MayBe(call.Name));
        if (!accepted)
        {
            Emit(_lead + length);
            if (last)
            {
                EndBlock(accepted: false);
            }

            return;
        }

        DropLead();
        _callsInBlock = true;
        _reasoning = false;
        _writer.Call(call, _buffer.Span[..length]);
        _buffer.Consume(length);
        if (last)
        {
            EndBlock(accepted: true);
        }
    }

    private void EndBlock(bool accepted)
    {
        _inBlock = false;
        _atStart = accepted;
        (_lead, _scan) = (0, 0);
        _newlinesToSkip = 0;
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
        if (_atStart && _writer.HasOutput)
        {
            Drop(_buffer.Length);
        }
        else
        {
            Emit(_buffer.Length);
        }

        return false;
    }

    private void Emit(int length)
    {
        _writer.Piece(TextKind, _buffer.Span[..length]);
        _buffer.Consume(length);
        (_lead, _scan) = (0, 0);
    }

    private void Drop(int length)
    {
        _writer.Piece(OutputEventKind.Markup, _buffer.Span[..length]);
        _buffer.Consume(length);
        _scan = 0;
    }

    private void DropLead()
    {
        Drop(_lead);
        _lead = 0;
    }
}
