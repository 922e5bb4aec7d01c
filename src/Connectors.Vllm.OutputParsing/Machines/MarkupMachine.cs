using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Machines;

/// <summary>
/// The machine of all formats that are markers in running text. Text passes on as far as it cannot become a marker, markers switch between
/// reasoning and answer, and blocks of calls go to the format's <see cref="CallReader"/>.
/// </summary>
internal sealed partial class MarkupMachine : OutputMachine
{
    // A rejected block is read again after its opener. Over one output, only so much is read again before rejected blocks pass as a whole.
    private const long FreeRescan = 32 * 1024;

    private static readonly Transitions Table = new(
        nameof(MarkupMachine),
        (nameof(AtStart), nameof(InText)), (nameof(AtStart), nameof(AtStart)), (nameof(AtStart), nameof(InBlock)),
        (nameof(InText), nameof(AtStart)), (nameof(InText), nameof(InBlock)), (nameof(InText), nameof(InText)),
        (nameof(InBlock), nameof(AtStart)), (nameof(InBlock), nameof(InText)), (nameof(InBlock), nameof(InBlock)));

    private readonly ReasoningSyntax _reasoningSyntax;
    private readonly ToolSyntax _toolSyntax;
    private readonly MarkerTrie _trie;
    private readonly CallReader? _reader;
    private readonly bool _answerIsBlock;
    private readonly bool _callsAreForced;
    private State _state;
    private CodeFence _fence;
    private int _scan;
    private long _rescanned;

    public MarkupMachine(MachineContext context, ToolSyntax tools, ReasoningSyntax reasoning, MarkerTrie trie, bool answerIsBlock)
        : base(context)
    {
        (_toolSyntax, _reasoningSyntax, _trie, _answerIsBlock) = (tools, reasoning, trie, answerIsBlock);
        _reader = tools.Reader?.Invoke(Context);
        _callsAreForced = Options.ToolChoice.Kind is OutputToolChoiceKind.Required or OutputToolChoiceKind.Named;
        var isReasoning = PromptScan.IsOpen(Options.PromptTail, reasoning, out var newlineWritten) ?? false;
        _state = new AtStart(isReasoning, isReasoning && !newlineWritten ? reasoning.NewlinesAfterOpen : 0);
        if (tools.PromptOpener is { } opener && Options.PromptTail?.EndsWith(opener, StringComparison.Ordinal) == true)
        {
            BeginBlock("", onlyDeclared: false);
        }
    }

    public override bool IsReasoning => _state.IsReasoning;

    private OutputEventKind TextKind => _state.IsReasoning ? OutputEventKind.Reasoning : OutputEventKind.Text;

    private int NewlinesToHold =>
        _state.IsReasoning ? Math.Max(_reasoningSyntax.NewlinesBeforeClose, _toolSyntax.NewlinesBefore) : _toolSyntax.NewlinesBefore;

    public override void Push(ReadOnlySpan<char> text, string? original, int tokenId)
    {
        if (!MarkToken(text, tokenId) && Buffer.Length == 0 && _state is InText && !text.IsEmpty
            && text.IndexOfAny(_trie.FirstCharacters) < 0 && (NewlinesToHold == 0 || text[^1] is not ('\n' or '\r')))
        {
            Buffer.Skip(text.Length);
            _fence.Pass(text);
            Writer.Piece(TextKind, text, original);
            return;
        }

        Buffer.Append(text);
        Run(final: false);
    }

    public override void Finish(bool truncated)
    {
        Run(final: true);
        if (_answerIsBlock && !truncated && Writer.IsEmpty && Options.ToolChoice.Name is { } name)
        {
            // The server forced the call and the model wrote nothing else, which is a call without arguments.
            Writer.Call(ParsedCall.Of(name, "{}"), []);
        }
    }

    private void Run(bool final)
    {
        while (!Writer.IsClosed && _state switch
        {
            AtStart lead => RunLead(lead, final),
            InText => RunText(final),
            _ => RunBlock((InBlock)_state, final),
        })
        {
            Marks.ForgetBefore(Buffer.Position);
        }
    }

    private void Go(State next)
    {
        Table.Observe(_state, next);
        if (next.IsReasoning != _state.IsReasoning)
        {
            _fence = default;
        }

        _state = next;
    }

    /// <summary>Works on the beginning of a text; returns false when more characters are needed.</summary>
    private bool RunLead(AtStart lead, bool final)
    {
        if (!SkipNewlines(lead, final))
        {
            return false;
        }

        _scan = Lookahead.SkipAllSpace(Buffer.Span, _scan);
        if (_scan == Buffer.Length)
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

        if (_answerIsBlock && !lead.IsReasoning)
        {
            BeginBlock("", onlyDeclared: false);
        }
        else
        {
            Go(new InText(lead.IsReasoning, QuotesCall: false));
        }

        return true;
    }

    private bool SkipNewlines(AtStart lead, bool final)
    {
        while (lead.Newlines > 0)
        {
            var span = Buffer.Span;
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
            var found = Buffer.Span[_scan..].IndexOfAny(_trie.FirstCharacters);
            if (found < 0)
            {
                _scan = Buffer.Length;
                if (final)
                {
                    return FinishText();
                }

                EmitText(Buffer.Length, keepNewlines: true);
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

    /// <summary>Handles a marker at the scan position; false if more characters are needed to decide.</summary>
    private bool TryMarker(bool final, out bool taken)
    {
        var marker = _trie.Match(
            Buffer.Span[_scan..], this, static (in MarkupMachine machine, Marker candidate) => machine.Counts(candidate), out var open);
        taken = false;
        if (open && !final)
        {
            return false;
        }

        if (marker is not null && marker.Kind.HasFlag(MarkerKind.Citation) && !_state.IsReasoning)
        {
            var length = Citation.Length(Buffer.Span[_scan..], marker.Text.Length, out var cut);
            if (length > 0)
            {
                // The space before a citation is the text's own, also where the text begins.
                Go(new InText(IsReasoning: false, QuotesCall: false));
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
        return (isToken || !IdsKnown || !marker.IsToken) && Role(marker.Kind, isToken) != MarkerKind.None;
    }

    private bool IsTokenHere(Marker marker) => IdsKnown && Marks.Contains(Buffer.Position + _scan, marker.Text.Length);

    /// <summary>Gets the role of a marker in the current state; none if it is text.</summary>
    private MarkerKind Role(MarkerKind kind, bool isToken)
    {
        var isReasoning = _state.IsReasoning;
        if (isReasoning && kind.HasFlag(MarkerKind.ReasoningClose))
        {
            return MarkerKind.ReasoningClose;
        }

        if (kind.HasFlag(MarkerKind.CallOpen))
        {
            return isReasoning && !_reasoningSyntax.EndedByCall ? MarkerKind.Quote : IsCode(isToken) ? MarkerKind.None : MarkerKind.CallOpen;
        }

        if (kind.HasFlag(MarkerKind.CallOpenAtStart) && !isReasoning && _state is AtStart)
        {
            return MarkerKind.CallOpenAtStart;
        }

        if (kind.HasFlag(MarkerKind.ReasoningOpen) && (_state is AtStart || (!isReasoning && (isToken || !_reasoningSyntax.OpensOnlyAtStart))))
        {
            return MarkerKind.ReasoningOpen;
        }

        if (kind.HasFlag(MarkerKind.Citation) && !isReasoning)
        {
            return MarkerKind.Citation;
        }

        if (kind.HasFlag(MarkerKind.StrayCloser))
        {
            return _state is InText { QuotesCall: true } || IsCode(isToken) ? MarkerKind.None : MarkerKind.Drop;
        }

        var isStray = kind.HasFlag(MarkerKind.ReasoningClose) && (isToken || !_reasoningSyntax.OpensOnlyAtStart);
        return isStray || (kind & (MarkerKind.Drop | MarkerKind.Special)) != 0 ? MarkerKind.Drop : MarkerKind.None;
    }

    /// <summary>Whether the scan position is in code, where only a token makes a marker, unless the request forces calls.</summary>
    private bool IsCode(bool isToken) => !isToken && !_callsAreForced && _fence.Holds(Buffer.Span[.._scan]);

    private void Act(Marker marker)
    {
        var wasLead = _state is AtStart;
        switch (Role(marker.Kind, IsTokenHere(marker)))
        {
            case MarkerKind.CallOpen:
                BeginBlock(marker.Text, onlyDeclared: false);
                break;
            case MarkerKind.CallOpenAtStart:
                BeginBlock(marker.Text, onlyDeclared: true);
                break;
            case MarkerKind.Quote:
                Go(new InText(_state.IsReasoning, QuotesCall: true));
                Emit(_scan + marker.Text.Length);
                break;
            case MarkerKind.ReasoningOpen:
                EndText(marker.Text.Length, 0);
                Go(new AtStart(true, _reasoningSyntax.NewlinesAfterOpen));
                break;
            case MarkerKind.ReasoningClose:
                EndText(marker.Text.Length, _reasoningSyntax.NewlinesBeforeClose);
                Go(new AtStart(false, _reasoningSyntax.NewlinesAfterClose));
                break;
            default:
                EndText(marker.Text.Length, marker.Kind.HasFlag(MarkerKind.StrayCloser) ? NewlinesToHold : 0);
                if (wasLead && marker.Kind.HasFlag(MarkerKind.ReasoningClose))
                {
                    // The end of reasoning that had ended already: with its framing.
                    Go(new AtStart(false, _reasoningSyntax.NewlinesAfterClose));
                }

                break;
        }
    }

    /// <summary>Writes the text before the marker at the scan position and drops the marker, with the newlines before it that frame it.</summary>
    private void EndText(int markerLength, int newlines)
    {
        if (_state is not AtStart)
        {
            EmitText(_scan - Framing.Trailing(Buffer.Span[.._scan], newlines, open: false), keepNewlines: false);
        }

        Drop(_scan + markerLength);
    }
}
