using System.Text;
using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>Reads MiniMax M3's nested elements; the schema says what an element without children is.</summary>
internal sealed class MinimaxM3Reader(ReaderContext context) : CallReader
{
    private const int MaxDepth = 64;
    /// <summary>The token that announces every tag.</summary>
    public const string Mark = "]<]minimax[>[";

    private static readonly string[] InvokeOpen = [Mark + "<invoke "];
    private static readonly string[] InvokeClose = [Mark + "</invoke>"];
    private static readonly string[] AfterCall = [Mark + "<invoke ", Mark + "</tool_call>"];
    private int _openerLength;
    private int _position;
    private int _start;
    private bool _closed;

    public override void Begin(ReadOnlySpan<char> opener, int openerLength)
    {
        _openerLength = openerLength;
        _position = opener.EndsWith(">", StringComparison.Ordinal) ? openerLength : 0;
        (_start, _closed) = (-1, false);
    }

    public override ReadResult Read(ReadOnlySpan<char> block, bool final)
    {
        if (_start < 0)
        {
            var at = Lookahead.SkipSpace(block, _position);
            var length = Lookahead.Prefix(block[at..], InvokeOpen, out var open);
            if (length == 0)
            {
                return (open || at == block.Length) && !final ? ReadResult.More : ReadResult.Reject(Math.Max(1, _openerLength), at);
            }

            _start = _position = at + length;
        }

        if (!_closed)
        {
            var end = Lookahead.First(block, _position, InvokeClose, out var length, out var safe);
            _position = end < 0 ? safe : end + length;
            _closed = end >= 0;
            if (!_closed)
            {
                return final ? ReadResult.Reject(Math.Max(1, _openerLength), block.Length) : ReadResult.More;
            }
        }

        var next = Lookahead.SkipSpace(block, _position);
        var found = Lookahead.Prefix(block[next..], AfterCall, out var more);
        if (found == 0 && (more || next == block.Length) && !final && next - _position < Lookahead.MaxSpace)
        {
            return ReadResult.More;
        }

        var call = ToCall(block[_start..(_position - InvokeClose[0].Length)]);
        if (found == 0 || !block[next..].StartsWith(InvokeOpen[0], StringComparison.Ordinal))
        {
            return ReadResult.LastCall(call, found == 0 ? _position : next + found);
        }

        (_openerLength, _position, _start, _closed) = (0, 0, -1, false);
        return ReadResult.CallThenMore(call, next);
    }

    private ParsedCall ToCall(ReadOnlySpan<char> text)
    {
        var headerEnd = text.IndexOf('>');
        var header = headerEnd < 0 ? [] : text[..headerEnd];
        var quote = header.IndexOf('"');
        var name = quote >= 0 && header[(quote + 1)..].IndexOf('"') is >= 0 and var length ? header.Slice(quote + 1, length).ToString() : "";
        if (name.Length == 0)
        {
            return new ParsedCall("", text.ToString(), null, "The call has no name.");
        }

        var body = text[(headerEnd + 1)..];
        var i = 0;
        var arguments = Children(body, ref i, context.Schema(name).Root, "", 0, out _);
        return new ParsedCall(name, arguments.ToJson());
    }

    /// <summary>Reads child elements up to the parent's end tag (or the end of the text, for what was not closed).</summary>
    private static ArgumentsWriter Children(ReadOnlySpan<char> text, ref int i, SchemaNode schema, string parent, int depth, out string mixed)
    {
        var members = new ArgumentsWriter();
        var repeated = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        var outside = new StringBuilder();
        while (i < text.Length)
        {
            var at = text[i..].IndexOf(Mark, StringComparison.Ordinal);
            outside.Append(at < 0 ? text[i..] : text.Slice(i, at));
            i = at < 0 ? text.Length : i + at + Mark.Length;
            var tagEnd = at < 0 ? -1 : text[i..].IndexOf('>');
            if (tagEnd < 0)
            {
                break;
            }

            var tag = text.Slice(i, tagEnd).TrimStart('<');
            i += tagEnd + 1;
            if (tag.StartsWith("/", StringComparison.Ordinal))
            {
                if (tag[1..].SequenceEqual(parent))
                {
                    break;
                }

                continue;
            }

            var name = tag.ToString();
            var isItem = name == "item" && !schema.Declares(name);
            var value = Element(text, ref i, isItem ? schema.Items : schema.Property(name), name, depth);
            if (!repeated.TryGetValue(name, out var values))
            {
                repeated[name] = values = [];
            }

            values.Add(value);
            members.Set(name, value);
        }

        foreach (var (name, values) in repeated)
        {
            if (values.Count > 1)
            {
                members.Set(name, $"[{string.Join(", ", values)}]");
            }
        }

        mixed = outside.ToString();
        return members;
    }

    private static string Element(ReadOnlySpan<char> text, ref int i, SchemaNode schema, string name, int depth)
    {
        if (depth >= MaxDepth)
        {
            var end = text[i..].IndexOf($"{Mark}</{name}>", StringComparison.Ordinal);
            var raw = end < 0 ? text[i..] : text.Slice(i, end);
            i = end < 0 ? text.Length : i + end + Mark.Length + name.Length + 3;
            return JsonText.Quote(raw);
        }

        var children = Children(text, ref i, schema, name, depth + 1, out var mixed);
        if (children.Count == 0)
        {
            var types = schema.Types;
            return ValueCoercer.Coerce(mixed, types, types.HasFlag(ValueTypes.Text) && schema.HasTextMember(mixed));
        }

        if (children.Single is ("item", var items) && !schema.Declares("item"))
        {
            // One item that is an array itself must not be taken for the array of items.
            return children.Repeats ? items : $"[{items}]";
        }

        if (mixed.Trim().Length > 0)
        {
            children.Set("$text", JsonText.Quote(mixed));
        }

        return children.ToJson();
    }
}
