using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Machines;

internal sealed partial class MarkupMachine
{
    private void BeginBlock(string opener, bool onlyDeclared)
    {
        if (_state is not AtStart)
        {
            EmitText(_scan - Framing.Trailing(Buffer.Span[.._scan], NewlinesToHold, open: false), keepNewlines: false);
        }

        Go(new InBlock(_state.IsReasoning, _scan, opener, onlyDeclared, HadCalls: false));
        _reader!.Begin(opener, opener.Length);
    }

    /// <summary>Works on a block of calls; returns false when more characters are needed.</summary>
    private bool RunBlock(InBlock block, bool final)
    {
        var result = _reader!.Read(Buffer.Span[block.Start..], final);
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
                Go(new AtStart(block.IsReasoning, 0));
                break;
            case ReadStatus.Reject when block.HadCalls && block.Start < Buffer.Length && char.IsWhiteSpace(Buffer.Span[block.Start]):
                // Calls without the end of their block, and white space, of which nothing is text yet.
                Go(new AtStart(block.IsReasoning, 0));
                break;
            default:
                Reject(block, result.Status == ReadStatus.More ? Buffer.Length - block.Start : Math.Max(result.Length, 1), result.Examined);
                break;
        }

        _scan = 0;
        return true;
    }

    private void Reject(InBlock block, int length, int examined)
    {
        var again = examined - length;
        if (again > 0 && (_rescanned += again) > FreeRescan + Buffer.Position + block.Start + examined)
        {
            length = examined;
        }

        Go(new InText(block.IsReasoning, QuotesCall: false));
        if (length == block.Opener.Length && IsControl(block.Opener))
        {
            // A control token that does not begin a call is ignored.
            Emit(block.Start);
            Drop(length);
            return;
        }

        EmitWithoutSpecials(Math.Min(block.Start + length, Buffer.Length));
    }

    private void WriteCall(InBlock block, ParsedCall call, int length, bool last)
    {
        // Where the opener is not a marker of its own, or inside reasoning (which may discuss calls), only a declared tool makes it a call.
        if (!Accepts(call, block.OnlyDeclared || block.IsReasoning))
        {
            EmitWithoutSpecials(block.Start + length);
            Go(last ? new InText(block.IsReasoning, QuotesCall: false) : block with { Start = 0 });
            return;
        }

        Drop(block.Start);
        Go(last ? new AtStart(IsReasoning: false, 0) : block with { IsReasoning = false, Start = 0, HadCalls = true });
        Writer.Call(call, Buffer.Span[..length]);
        Buffer.Consume(length);
    }

    /// <summary>Writes text up to a position, except newlines before it that may turn out to be a marker's framing.</summary>
    private void EmitText(int end, bool keepNewlines)
    {
        var length = end - (keepNewlines ? Framing.Trailing(Buffer.Span[..end], NewlinesToHold, open: true) : 0);
        if (length > 0)
        {
            var scan = _scan - length;
            Emit(length);
            _scan = scan;
        }
    }

    private bool FinishText()
    {
        if (_state is AtStart && Writer.HasOutput)
        {
            Drop(Buffer.Length);
        }
        else
        {
            Emit(Buffer.Length);
        }

        return false;
    }

    /// <summary>Writes markup that is not a call as text. Special tokens in it are not text.</summary>
    private void EmitWithoutSpecials(int length)
    {
        for (var at = 0; Options.SpecialTokens is not null && at < length; at++)
        {
            _scan = at;
            var marker = _trie.Match(Buffer.Span[at..length], this, static (in MarkupMachine machine, Marker candidate) =>
                candidate.IsSpecial && (!machine.IdsKnown || machine.IsTokenHere(candidate)), out _);
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
        (opener.StartsWith("<|", StringComparison.Ordinal) && opener.EndsWith('>'))
        || (opener.StartsWith("<｜", StringComparison.Ordinal) && opener.EndsWith("｜>", StringComparison.Ordinal))
        || Options.SpecialTokens?.Values.Contains(opener) == true;

    private void Emit(int length)
    {
        _fence.Pass(Buffer.Span[..length]);
        Writer.Piece(TextKind, Buffer.Span[..length]);
        Buffer.Consume(length);
        _scan = 0;
    }

    private void Drop(int length)
    {
        Writer.Piece(OutputEventKind.Markup, Buffer.Span[..length]);
        Buffer.Consume(length);
        _scan = 0;
    }

    /// <summary>Whether the output is in reasoning or in the answer.</summary>
    private abstract record State(bool IsReasoning);

    /// <summary>
    /// Whether no text has been written yet. Newlines after the preceding marker are dropped, and the white space after them is held back.
    /// </summary>
    private sealed record AtStart(bool IsReasoning, int AfterMarker) : State(IsReasoning)
    {
        /// <summary>How many newlines may still belong to the marker.</summary>
        public int Newlines { get; set; } = AfterMarker;
    }

    /// <summary>In running text.</summary>
    /// <param name="IsReasoning">Whether the output is inside reasoning.</param>
    /// <param name="QuotesCall">True in reasoning that no call ends and that holds the opener of one: then its closers are part of it.</param>
    private sealed record InText(bool IsReasoning, bool QuotesCall) : State(IsReasoning);

    /// <summary>In a block of calls.</summary>
    /// <param name="IsReasoning">Whether the output is inside reasoning.</param>
    /// <param name="Start">The start of the block in the buffer, after the white space that is held back.</param>
    /// <param name="Opener">The marker that opened it; empty where the prompt or the request did.</param>
    /// <param name="OnlyDeclared">True where the opener is ordinary text: then only a declared tool makes a call.</param>
    /// <param name="HadCalls">True after a call of the block.</param>
    private sealed record InBlock(bool IsReasoning, int Start, string Opener, bool OnlyDeclared, bool HadCalls) : State(IsReasoning);
}
