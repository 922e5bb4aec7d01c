using System.Net;
using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.OutputParsing.Readers.BlockState;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>
/// Reads calls with named parameters in XML-like tags. Values are raw text: a closing tag inside a value counts only where the markup can go on
/// after it, and never inside a whole call that the value quotes, so a file that contains such markup survives.
/// </summary>
internal sealed class XmlCallReader(ReaderContext context, XmlCallSyntax syntax) : BlockReader
{
    private static readonly Transitions Table = new(
        nameof(XmlCallReader),
        (nameof(Open), nameof(Body)), (nameof(Open), nameof(Close)),
        (nameof(Body), nameof(InValue)), (nameof(Body), nameof(InJson)), (nameof(Body), nameof(Close)),
        (nameof(InValue), nameof(Body)),
        (nameof(InJson), nameof(Close)),
        (nameof(Close), nameof(Open)));

    private enum Tag
    {
        Invoke,
        Parameter,
        Outer,
    }

    public override Transitions Transitions => Table;

    // An opener without its closing bracket is a tag that is still to be read: of a call without a wrapper, or a wrapper cut short.
    protected override BlockState First(ReadOnlySpan<char> opener)
    {
        Position = opener[^1] is '>' ? Position : 0;
        return new Open();
    }

    protected override ReadResult? Step(BlockState state, ReadOnlySpan<char> block, bool final) => state switch
    {
        Open => ReadOpen(block, final),
        Body body => ReadBody(body, block, final),
        InValue value => ReadValue(value, block, final),
        InJson json => ReadJson(json, block),
        _ => ReadClose((Close)state, block, final),
    };

    private ReadResult? ReadOpen(ReadOnlySpan<char> block, bool final)
    {
        var at = Position;
        if (!Lookahead.SkipTexts(block, ref at, syntax.Preambles, final) || at == block.Length)
        {
            return ReadResult.More;
        }

        Position = at;
        var tag = block[at] == '<' ? XmlTag.At(block, at, syntax, final) : default;
        if (tag.Status != XmlTagStatus.Tag)
        {
            return tag.Status == XmlTagStatus.More ? ReadResult.More : Reject(at);
        }

        switch (KindOf(tag))
        {
            case Tag.Outer when !tag.Closes:
                // A wrapper, or one inside another.
                Position = tag.End;
                return null;
            case Tag.Outer:
                return ReadResult.End(tag.End);
            case Tag.Invoke when !tag.Closes:
                var name = NameOf(tag);
                Position = tag.End;
                return Go(tag.IsEmpty ? new Close(ParsedCall.Of(name, "{}")) : new Body(new CallDraft(name, context.Schema(name))));
            default:
                return Reject(at);
        }
    }

    private ReadResult? ReadBody(Body body, ReadOnlySpan<char> block, bool final)
    {
        var at = Lookahead.SkipSpace(block, Position);
        if (at == block.Length)
        {
            return ReadResult.More;
        }

        if (block[at] != '<')
        {
            if (body.Call.Arguments.Count == 0)
            {
                return block[at] == '{' ? Go(new InJson(body.Call, at)) : Reject(at);
            }

            // Words between parameters are ignored.
            Position = at;
            return SeekBracket(block) ? null : ReadResult.More;
        }

        var tag = XmlTag.At(block, at, syntax, final);
        if (tag.Status == XmlTagStatus.More)
        {
            return ReadResult.More;
        }

        var kind = KindOf(tag);
        if (tag.Status == XmlTagStatus.NoTag || (tag.Closes && kind == Tag.Parameter))
        {
            Position = tag.Status == XmlTagStatus.NoTag ? at + 1 : tag.End;
            return null;
        }

        if (kind == Tag.Parameter)
        {
            Position = tag.End;
            if (!tag.IsEmpty)
            {
                return Go(new InValue(body.Call, NameOf(tag), tag.Type, tag.End));
            }

            SetValue(body.Call, NameOf(tag), tag.Type, "");
            return null;
        }

        // The call's own closer, or (its closer missing) what comes after it.
        Position = tag.Closes && kind == Tag.Invoke ? tag.End : at;
        return Go(new Close(ToCall(body.Call)));
    }

    private ReadResult? ReadJson(InJson json, ReadOnlySpan<char> block)
    {
        if (json.Scanner.Advance(block))
        {
            Position = json.Scanner.Position;
            var call = JsonCalls.FromArguments(json.Call.Name, block[json.Start..Position]);
            return Go(new Close(call));
        }

        return json.Scanner.IsBroken ? Reject(json.Scanner.Position) : ReadResult.More;
    }

    private ReadResult? ReadValue(InValue value, ReadOnlySpan<char> block, bool final)
    {
        while (SeekBracket(block))
        {
            var tag = XmlTag.At(block, Position, syntax, final);
            if (tag.Status == XmlTagStatus.More || (tag.Status == XmlTagStatus.Tag ? Ends(value, block, tag, final) : false) is not { } ends)
            {
                return ReadResult.More;
            }

            if (ends)
            {
                SetValue(value.Call, value.Key, value.Type, block[value.Start..Position]);
                Position = tag.Closes && KindOf(tag) == Tag.Parameter ? tag.End : Position;
                return Go(new Body(value.Call));
            }

            Position = tag.Status == XmlTagStatus.Tag ? tag.End : Position + 1;
        }

        return ReadResult.More;
    }

    /// <summary>
    /// Whether a tag inside a value ends it; null when more characters are needed to know. Keeps count of the calls that the value quotes.
    /// </summary>
    private bool? Ends(InValue value, ReadOnlySpan<char> block, XmlTag tag, bool final)
    {
        var element = tag.Element.ToString();
        if (!tag.Closes)
        {
            var isQuoted = tag.IsEmpty ? false : syntax.HasControlTags ? true : IsQuotedCall(value, block, tag, final);
            if (isQuoted == true)
            {
                value.Quoted.Add(element);
            }

            // The value's closer is missing where another parameter of the tool begins; else the tag is part of the value.
            return isQuoted is null ? null : isQuoted == false && value.Quoted.Count == 0 && BeginsAnother(value, block, tag);
        }

        if (value.Quoted.LastIndexOf(element) is >= 0 and var open)
        {
            value.Quoted.RemoveRange(open, value.Quoted.Count - open);
            return false;
        }

        return GoesOnBehind(block, tag, final);
    }

    private bool BeginsAnother(InValue value, ReadOnlySpan<char> block, XmlTag tag)
    {
        var name = NameOf(tag);
        return KindOf(tag) == Tag.Parameter && name != value.Key && (value.Call.Schema.IsKnown
            ? value.Call.Schema.Declares(name) && !value.Call.Arguments.Contains(name)
            : Position > 0 && block[Position - 1] == '\n');
    }

    /// <summary>
    /// Whether an opening tag inside a value belongs to a whole call that the value quotes: only what may stand inside of it follows.
    /// </summary>
    private bool? IsQuotedCall(InValue value, ReadOnlySpan<char> block, XmlTag tag, bool final)
    {
        var kind = KindOf(tag);
        if (kind == Tag.Parameter)
        {
            return value.Quoted.Count > 0 && value.Quoted[^1] == syntax.Invoke;
        }

        var at = tag.End;
        if (!Lookahead.SkipTexts(block, ref at, syntax.Preambles, final) || (at == block.Length && !final && at - tag.End < Lookahead.MaxSpace))
        {
            return null;
        }

        var behind = at < block.Length && block[at] == '<' ? XmlTag.At(block, at, syntax, final) : default;
        return behind.Status == XmlTagStatus.More ? null
            : behind.Status == XmlTagStatus.Tag && (kind == Tag.Outer
                ? KindOf(behind) == Tag.Invoke && !behind.Closes
                : behind.Closes ? KindOf(behind) == Tag.Invoke : KindOf(behind) == Tag.Parameter);
    }

    /// <summary>Whether the markup can go on after a closing tag inside a value; null when more characters are needed to know.</summary>
    private bool? GoesOnBehind(ReadOnlySpan<char> block, XmlTag tag, bool final)
    {
        var kind = KindOf(tag);
        var at = tag.End;
        if (!Lookahead.SkipTexts(block, ref at, syntax.Closers, final))
        {
            return null;
        }

        if (at - tag.End >= Lookahead.MaxSpace)
        {
            return kind == Tag.Parameter;
        }

        if (at == block.Length)
        {
            // At the end of the output, a call's closer inside a value may be the value's own text, cut off: no call.
            return final ? kind == Tag.Parameter : null;
        }

        if (block[at] != '<')
        {
            return at > tag.End && syntax.Closers.Count > 0 && !block[tag.End..at].IsWhiteSpace();
        }

        var behind = XmlTag.At(block, at, syntax, final);
        if (behind.Status != XmlTagStatus.Tag)
        {
            return behind.Status == XmlTagStatus.More ? null : false;
        }

        // A parameter's closer twice is one too many where no other markup looks like it; else the first may be the value's own.
        var isBehindParameter = KindOf(behind) == Tag.Parameter;
        return kind == Tag.Parameter ? !isBehindParameter || !behind.Closes || syntax.Prefix.Length > 0
            : kind == Tag.Invoke && !isBehindParameter && !(behind.Closes && KindOf(behind) == Tag.Invoke);
    }

    private ReadResult? ReadClose(Close close, ReadOnlySpan<char> block, bool final)
    {
        var at = Position;
        if (!Lookahead.SkipTexts(block, ref at, syntax.Closers, final))
        {
            return ReadResult.More;
        }

        var end = Position + block[Position..at].TrimEnd().Length;
        if (!Lookahead.SkipTexts(block, ref at, syntax.Preambles, final) || (at == block.Length && !final && at - Position < Lookahead.MaxSpace))
        {
            return ReadResult.More;
        }

        if (at < block.Length && block[at] == '<')
        {
            var tag = XmlTag.At(block, at, syntax, final);
            if (tag.Status == XmlTagStatus.More)
            {
                return ReadResult.More;
            }

            if (tag.Status == XmlTagStatus.Tag && !tag.Closes && KindOf(tag) == Tag.Invoke)
            {
                return Another(close.Call, at);
            }

            if (tag.Status == XmlTagStatus.Tag && tag.Closes && KindOf(tag) == Tag.Invoke)
            {
                // Behind JSON, or one too many.
                Position = tag.End;
                return null;
            }

            if (tag.Status == XmlTagStatus.Tag && tag.Closes && KindOf(tag) == Tag.Outer)
            {
                end = tag.End;
            }
        }

        return ReadResult.LastCall(close.Call, end);
    }

    private string NameOf(XmlTag tag) => syntax.HasControlTags ? WebUtility.HtmlDecode(tag.Name.ToString()) : tag.Name.ToString();

    private Tag KindOf(XmlTag tag) => tag.Element.SequenceEqual(syntax.Invoke) ? Tag.Invoke
        : tag.Element.SequenceEqual(syntax.Parameter) ? Tag.Parameter
        : Tag.Outer;

    private ParsedCall ToCall(CallDraft call) =>
        syntax.Unwraps && call.Arguments.Single is (("arguments" or "input") and var key, var json) && !call.Schema.Declares(key)
            && IsSubset(call.Schema, json)
            ? ParsedCall.Of(call.Name, json)
            : call.ToCall();

    private static bool IsSubset(ToolSchema schema, string json)
    {
        using var document = JsonText.Parse(json);
        return document is { RootElement.ValueKind: System.Text.Json.JsonValueKind.Object } && schema.IsKnown
            && document.RootElement.EnumerateObject().All(member => schema.Declares(member.Name));
    }

    private void SetValue(CallDraft call, string key, string? type, ReadOnlySpan<char> value)
    {
        if (syntax.NewlineFraming)
        {
            value = value.StartsWith("\r\n") ? value[2..] : value.StartsWith("\n") ? value[1..] : value;
            value = value[..^Framing.Trailing(value, 1, open: false)];
        }

        if (syntax.DecodesEntities)
        {
            value = XmlEntities.Decode(value);
        }

        call.Arguments.Set(key, ToJson(call.Schema, key, type, value));
    }

    private string ToJson(ToolSchema schema, string key, string? type, ReadOnlySpan<char> value)
    {
        var isJson = syntax.Typing switch
        {
            XmlTyping.Text => false,
            XmlTyping.StringAttribute when type is not null => !type.Equals("true", StringComparison.OrdinalIgnoreCase),
            XmlTyping.TypeAttribute => type is not (null or "" or "string"),
            XmlTyping.Schema => (bool?)null,
            _ => schema.Types(key) == ValueTypes.Unknown ? true : null,
        };
        return isJson is null ? schema.Coerce(key, value) : (isJson == true ? JsonText.Canonical(value) : null) ?? JsonText.Quote(value);
    }
}
