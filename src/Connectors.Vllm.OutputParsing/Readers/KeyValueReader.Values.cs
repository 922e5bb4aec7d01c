using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.OutputParsing.Readers.BlockState;

namespace Connectors.Vllm.OutputParsing.Readers;

internal sealed partial class KeyValueReader
{
    private ReadResult? ReadValue(InValue value, ReadOnlySpan<char> block, bool final)
    {
        while (SeekBracket(block))
        {
            var rest = block[Position..];
            var length = Lookahead.Prefix(rest, _inValue, out var open);
            if (open && length == 0 && !final)
            {
                return ReadResult.More;
            }

            var mark = rest[..length];
            if (length > 0 && mark.SequenceEqual(syntax.CallOpen))
            {
                if (IsQuotedCall(block, Position + length) is not { } isQuoted)
                {
                    return ReadResult.More;
                }

                if (isQuoted)
                {
                    value.Quoted.Add(syntax.CallClose);
                }
            }
            else if (length > 0 && value.Quoted.Count > 0)
            {
                // A closing marker at this position closes a call that the value quotes.
                if (mark.SequenceEqual(syntax.CallClose))
                {
                    value.Quoted.RemoveAt(value.Quoted.Count - 1);
                }
            }
            else if (length > 0 && mark.SequenceEqual(syntax.KeyOpen))
            {
                if (!TryOther(value, block, Position + length, final))
                {
                    return ReadResult.More;
                }
            }
            else if (length > 0)
            {
                if (Ends(value, block, mark, final) is not { } ends)
                {
                    return ReadResult.More;
                }

                if (ends)
                {
                    SetValues(value, block);
                    Position += mark.SequenceEqual(syntax.ValueClose) ? length : 0;
                    return Go(new Body(value.Call));
                }

                // The pairs so far are the value's own.
                value.Others.Clear();
            }

            Position += Math.Max(length, 1);
        }

        return ReadResult.More;
    }

    /// <summary>
    /// Notes a declared key that stands in a value: the value's closer is missing where the next one ends both. False when more characters are
    /// needed to know.
    /// </summary>
    private bool TryOther(InValue value, ReadOnlySpan<char> block, int start, bool final)
    {
        if (IsLostKey(value.Call, block, start, final) is not { } isKey)
        {
            return false;
        }

        if (!isKey)
        {
            return true;
        }

        var length = block[start..].IndexOf(syntax.KeyClose, StringComparison.Ordinal);
        var (key, position) = (block.Slice(start, length).Trim().ToString(), start + length + syntax.KeyClose.Length);
        if (syntax.ValueOpen.Length > 0 && !SkipMark(block, ref position, syntax.ValueOpen, final, out _))
        {
            return false;
        }

        if (key != value.Key && !value.Call.Arguments.Contains(key))
        {
            value.Others.Add((Position, key, position));
        }

        return true;
    }

    private void SetValues(InValue value, ReadOnlySpan<char> block)
    {
        var (key, start) = (value.Key, value.Start);
        foreach (var other in value.Others)
        {
            value.Call.Arguments.Set(key, ToJson(value, key, block[start..other.End].TrimEnd('\n')));
            (key, start) = (other.Key, other.Start);
        }

        value.Call.Arguments.Set(key, ToJson(value, key, block[start..Position]));
    }

    /// <summary>Whether a whole call seems to begin after an opener inside a value; null when more characters are needed to know.</summary>
    private bool? IsQuotedCall(ReadOnlySpan<char> block, int start)
    {
        var window = block[start..Math.Min(block.Length, start + MaxHeader)];
        var next = window.IndexOf('<');
        var name = (next < 0 ? window : window[..next]).Trim();
        if (!Lookahead.IsName(name) && (next >= 0 || name.Length > 0))
        {
            return false;
        }

        if (next < 0)
        {
            return window.Length < MaxHeader ? null : false;
        }

        var length = Lookahead.Prefix(window[next..], _behindName, out var open);
        return length > 0 ? !window[next..].StartsWith(syntax.ValueClose, StringComparison.Ordinal) : open ? null : false;
    }

    /// <summary>
    /// Whether a tag inside a value ends it: only where the markup can go on after it. Null when more characters are needed to know.
    /// </summary>
    private bool? Ends(InValue value, ReadOnlySpan<char> block, ReadOnlySpan<char> mark, bool final)
    {
        var isValueClose = mark.SequenceEqual(syntax.ValueClose);
        var at = Position + mark.Length;
        for (var strays = 0; ; strays++)
        {
            var start = at;
            at = Lookahead.SkipSpace(block, at);
            if (at == block.Length)
            {
                // At the end of the output, a call's closer inside a value may be the value's own text, cut off: no call.
                return !final && at - start < Lookahead.MaxSpace ? null : isValueClose;
            }

            var behind = Lookahead.Prefix(block[at..], isValueClose ? _behindValue : _behindCall, out var open);
            if (behind > 0 || !isValueClose)
            {
                return behind > 0 ? true : open && !final ? null : false;
            }

            // A closer that is there twice is one too many.
            var (stray, isCut) = (0, false);
            if (strays == 0 && value.Others.Count == 0 && (stray = Lookahead.Prefix(block[at..], _strays, out isCut)) > 0)
            {
                at += stray;
                continue;
            }

            return !final && (open || isCut)
                ? null
                : strays == 0 ? IsLostKey(value.Call, block, at, final) : false;
        }
    }

    /// <summary>Whether a declared key without its opening tag stands at a position; null when more characters are needed to know.</summary>
    private bool? IsLostKey(CallDraft call, ReadOnlySpan<char> block, int at, bool final)
    {
        if (!call.Schema.IsKnown)
        {
            return false;
        }

        var window = block[at..Math.Min(block.Length, at + MaxHeader)];
        var next = window.IndexOf('<');
        if (next < 0)
        {
            return !final && window.Length < MaxHeader ? null : false;
        }

        return !call.Schema.Declares(window[..next].Trim().ToString()) ? false
            : Lookahead.Prefix(window[next..], [syntax.KeyClose], out var open) > 0 ? true
            : open && !final ? null : false;
    }

    /// <summary>Gets the arguments of a declared tool that follow its name as JSON; null if there are none.</summary>
    private InJson? BeginsJson(ReadOnlySpan<char> block, int start)
    {
        var window = block[start..Math.Min(block.Length, start + MaxHeader)];
        var brace = window.IndexOfAny('{', '<');
        var name = brace < 0 || window[brace] == '<' ? "" : window[..brace].Trim().ToString();
        return context.IsDeclared(name) ? new InJson(Draft(name), start + brace) : null;
    }

    private ReadResult? ReadJson(InJson json, ReadOnlySpan<char> block, bool final)
    {
        if (!json.Scanner.IsComplete && !json.Scanner.Advance(block))
        {
            return json.Scanner.IsBroken ? Reject(json.Scanner.Position) : ReadResult.More;
        }

        // The call must end after the object; otherwise it is not a call.
        var end = json.Scanner.Position;
        if (!SkipMark(block, ref end, syntax.CallClose, final, out var isClosed))
        {
            return ReadResult.More;
        }

        Position = end;
        return isClosed
            ? Go(new Close(JsonCalls.FromArguments(json.Call.Name, block[json.Start..json.Scanner.Position])))
            : Reject(end);
    }

    private CallDraft Draft(string name) => new(name, context.Schema(name));

    private bool BeginsWithTool(ReadOnlySpan<char> text)
    {
        foreach (var tool in context.ToolNames)
        {
            if (text.StartsWith(tool, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// A tool's name and one of its parameters that stand together without the tag between them; null unless there is just one way to cut.
    /// </summary>
    private (string Tool, string Key)? Unglue(ReadOnlySpan<char> text)
    {
        (string Tool, string Key)? only = null;
        foreach (var tool in context.ToolNames)
        {
            var key = text.StartsWith(tool, StringComparison.Ordinal) ? text[tool.Length..].Trim().ToString() : "";
            if (key.Length > 0 && context.Schema(tool).Declares(key))
            {
                if (only is not null)
                {
                    return null;
                }

                only = (tool, key);
            }
        }

        return only;
    }

    private string ToJson(InValue value, string key, ReadOnlySpan<char> text)
    {
        if (value.Type is { Length: > 0 } type)
        {
            return (type is "string" or "str" ? null : JsonText.Canonical(text)) ?? JsonText.Quote(text);
        }

        if (!syntax.GuessesTypes || value.Call.Schema.Types(key) != ValueTypes.Unknown)
        {
            return value.Call.Schema.Coerce(key, text);
        }

        // Digits that are not JSON are not a Python number either, or one whose zeros count.
        var literal = text.TrimStart() is [>= '0' and <= '9' or '+' or '-', ..] ? null : PythonLiteral.ToJson(text);
        return JsonText.Canonical(text) ?? literal ?? JsonText.Quote(text);
    }
}
